"""`qe fleet scan|resume|replay`: run, finish or repeat a scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.cluster.options import cluster_options, reach_cluster
from qe_plugins.cli.fleet.plan import FILE, OVERRIDES, PROVIDER, load_fleet
from qe_plugins.cli.output import dollars, echo, json_option, print_json

if TYPE_CHECKING:
    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.fleet.scan.lifecycle import Scan
    from qe_plugins.fleet.scan.outcome import ScanResult
    from qe_plugins.fleet.scan.store import Engine

SCAN = click.argument("scan", default="last")
INTERRUPTED = 130
NO_QUORUM = 1


@click.command()
@FILE
@OVERRIDES
@PROVIDER
@click.option(
    "--engine",
    type=click.Choice(["local", "temporal"]),
    default="local",
    show_default=True,
    help="What runs the tree: one process here, or a Temporal cluster.",
)
@cluster_options
@json_option
def scan(
    config: Path,
    overrides: tuple[str, ...],
    provider: str | None,
    engine: Engine,
    address: str | None,
    namespace: str | None,
    queue: str,
    as_json: bool,
) -> None:
    """Run one scan of CONFIG's tree, and print its result."""
    from qe_plugins.fleet.scan import timings
    from qe_plugins.fleet.tasks import snapshot_process

    loaded = load_fleet(config, overrides, provider)
    where = reach_cluster(address, namespace, queue) if engine == "temporal" else None
    reader = snapshot_process.reader(loaded)  # reads while the rest is imported
    from qe_plugins.fleet.scan import lifecycle

    timings.mark("start")
    begun = lifecycle.begin(loaded, engine, reader)
    echo(f"scan {begun.scan_id}", err=True)
    _run_and_print(begun, as_json=as_json, where=where)


@click.command()
@SCAN
@cluster_options
@json_option
def resume(
    scan: str, address: str | None, namespace: str | None, queue: str, as_json: bool
) -> None:
    """Finish SCAN, which was interrupted.

    Recorded answers are not requested again. A scan that was begun on a Temporal cluster continues
    there.
    """
    from qe_plugins.fleet.scan import lifecycle

    begun = lifecycle.reopen_unfinished(scan)
    where = reach_cluster(address, namespace, queue) if begun.engine == "temporal" else None
    _run_and_print(begun, as_json=as_json, where=where)


@click.command()
@SCAN
@json_option
def replay(scan: str, as_json: bool) -> None:
    """Run SCAN again from its recorded answers, without network or key."""
    from qe_plugins.fleet.scan import lifecycle

    _run_and_print(lifecycle.reopen(scan), as_json=as_json, replay=True)


def _run_and_print(
    begun: Scan, *, as_json: bool, replay: bool = False, where: Cluster | None = None
) -> None:
    from qe_plugins.cli.fleet import temporal
    from qe_plugins.cli.fleet.live import watch
    from qe_plugins.errors import Halted
    from qe_plugins.fleet.scan import lifecycle, timings
    from qe_plugins.fleet.shutdown import Stopped, on_signals
    from qe_plugins.journal.activity.report import reported

    what = f"{'replay' if replay else 'scan'} of {begun.fleet.name}, {begun.scan_id}"
    with reported("fleet scan", what) as report:
        report.scan_id, report.href = begun.scan_id, f"/orchestration/{begun.scan_id}"
        if where is not None:
            result = temporal.run(begun, where)
        else:
            with on_signals() as stop:
                try:
                    result = lifecycle.run(begun, replay=replay, watch=watch, stop=stop)
                except Stopped:
                    again = "replay" if replay else "resume"
                    echo(f"stopped: `qe fleet {again} {begun.scan_id}` continues it", err=True)
                    raise SystemExit(INTERRUPTED) from None
                except Halted:
                    echo(f"stopped: `qe fleet resume {begun.scan_id}` continues it", err=True)
                    raise
        report.outcome = outcome_line(result)
    if as_json:
        print_json(result)
    else:
        _print_result(result)
        timings.mark("end")
        took = (f"{what} {seconds:.1f} s" for what, seconds in timings.took().items())
        echo(f"took      {', '.join(took)}")
    if not result.quorum and not replay:
        raise SystemExit(NO_QUORUM)


def outcome_line(found: ScanResult) -> str:
    """Return coverage, quorum and cost of a scan as one line."""
    quorum = "with its quorum" if found.quorum else "NO QUORUM"
    return f"{found.coverage:.1%} of the workers, {quorum}, {dollars(found.usd)}"


def _print_result(found: ScanResult) -> None:
    answer = found.answer
    echo(f"scan      {found.scan_id}, {found.nodes:,} nodes, {found.seconds:.1f} s")
    echo(f"answer    {answer.score if answer else found.score:+.3f}")
    if answer is not None:
        echo(f"          {answer.reason}")
    state = "has its quorum" if found.quorum else "NO QUORUM"
    met = ", ".join(f"{rank} {share}" for rank, share in found.quorums.items())
    echo(f"coverage  {found.coverage:.1%} of the workers, {state} ({met})")
    echo(f"votes     effective number {found.effective:.1f}")
    failures = ", ".join(f"{count:,} {why}" for why, count in found.failures.items()) or "none"
    echo(f"missing   {failures}")
    if found.reason:
        echo(f"because   {found.reason}")
    echo(
        f"calls     {found.calls_sent:,} sent, {found.calls_paid:,} paid, "
        f"{found.calls_replayed:,} from the ledger, {dollars(found.usd)}"
        + (f", {dollars(found.in_doubt)} in doubt" if found.in_doubt else "")
    )
    for doubt, count in found.doubts.items():
        echo(f"doubted   {count:,} x {doubt}: charged at worst case or above")
    if found.refused:
        budgets = ", ".join(f"{kind} {count:,}" for kind, count in found.refused.items())
        echo(f"no money  for calls, by budget: {budgets}")
    echo(f"hash      {found.answer_sha256}")
