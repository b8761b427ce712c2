"""`qe fleet run`: scans by the schedule of a fleet's file, around the clock."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from qe_plugins.cli.fleet.plan import FILE, OVERRIDES, PROVIDER, load_fleet
from qe_plugins.cli.fleet.scan import NO_QUORUM, outcome_line
from qe_plugins.cli.output import dollars

if TYPE_CHECKING:
    from qe_plugins.fleet.scan.lifecycle import Scan
    from qe_plugins.fleet.scan.outcome import ScanResult
    from qe_plugins.fleet.schedule.scheduler import ScheduledScan


@click.command()
@FILE
@OVERRIDES
@PROVIDER
@click.option("--times", type=click.IntRange(min=1), help="Stop after this many scans.")
@click.option("--now", "at_once", is_flag=True, help="Do not wait for the first tick.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document per scan, on a line."
)
def run(
    config: Path,
    overrides: tuple[str, ...],
    provider: str | None,
    times: int | None,
    at_once: bool,
    as_json: bool,
) -> None:
    """Scan CONFIG by its schedule, until stopped.

    The ticks of `schedule:` are in UTC. Scans never overlap: a tick that passes during a scan is
    missed, and one while trading is halted is skipped. An unfinished scan is resumed first. Once
    the day's budget is used up, the next scan is after midnight UTC. On SIGINT and SIGTERM calls in
    flight are finished and the scan can be resumed; a second signal ends at once.
    """
    from qe_plugins.cli.fleet.live import watch
    from qe_plugins.fleet.rank_models import refuse_unusable_providers
    from qe_plugins.fleet.scan import lifecycle
    from qe_plugins.fleet.schedule.scheduler import Scheduler
    from qe_plugins.fleet.shutdown import on_signals
    from qe_plugins.halt.latch import refuse_if_halted
    from qe_plugins.journal.activity.records import ActivityKind
    from qe_plugins.journal.activity.report import reported

    refuse_if_halted()
    loaded = load_fleet(config, overrides, provider)
    refuse_unusable_providers(loaded.fleet)
    _log_to_standard_error()
    with reported("fleet run", f"{loaded.fleet.name}, {config}") as report, on_signals() as stop:

        def scan(begun: Scan) -> ScanResult:
            report.scan_id, report.href = begun.scan_id, f"/orchestration/{begun.scan_id}"
            report.write(ActivityKind.JOB, f"scan {begun.scan_id} begins")
            result = lifecycle.run(begun, watch=watch, stop=stop)
            report.write(ActivityKind.JOB, f"scan {begun.scan_id} ended: {outcome_line(result)}")
            return result

        no_quorum = False
        scheduler = Scheduler(loaded, scan, stop)
        for ended in scheduler.scans(times, at_once=at_once):
            click.echo(_scan_json(ended) if as_json else _scan_line(ended))
            no_quorum = no_quorum or not ended.result.quorum
    if times is not None and (no_quorum or scheduler.skipped) and not stop.requested:
        raise SystemExit(NO_QUORUM)


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    handler.formatter.converter = time.gmtime  # type: ignore[union-attr]  # just set
    log = logging.getLogger("qe_plugins.fleet")
    log.setLevel(logging.INFO)
    log.handlers = [handler]


def _scan_json(ended: ScheduledScan) -> str:
    result = {name: getattr(ended.result, name) for name in ended.result.__struct_fields__}
    line = {"tick": ended.tick, "missed": ended.missed, "resumed": ended.resumed, **result}
    return msgspec.json.Encoder(decimal_format="number").encode(line).decode()


def _scan_line(ended: ScheduledScan) -> str:
    found = ended.result
    usd = dollars(found.usd)
    score = found.answer.score if found.answer else found.score
    return (
        f"{ended.tick:%Y-%m-%d %H:%M:%S}  {found.scan_id}  {score:+.3f}  "
        f"{found.coverage:.1%} of the workers, {'quorum' if found.quorum else 'NO QUORUM'}  "
        f"{found.calls_paid:,} paid, {found.calls_replayed:,} from the ledger, {usd}  "
        f"{found.seconds:.1f} s"
    )
