"""`qe fleet record`: what a fleet answers at each decision point of market history."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.fleet.plan import FILE, OVERRIDES, PROVIDER, load_fleet, usd_option
from qe_plugins.cli.output import DateParam, counted, dollars, echo, json_option, print_json

if TYPE_CHECKING:
    from qe_plugins.fleet.loader import LoadedFleet
    from qe_plugins.fleet.recording.walk import RecordingOrder
    from qe_plugins.recordings.records import FleetRecording, RecordedDecision

INTERRUPTED = 130
EVERY = 50
MASKS = {"masked": ("true",), "raw": ("false",), "both": ("true", "false")}


@click.command()
@FILE
@OVERRIDES
@PROVIDER
@click.option("--start", type=DateParam(), required=True, help="First day, UTC.")
@click.option("--end", type=DateParam(), required=True, help="Day after the last one, UTC.")
@click.option("--max-cost", type=str, metavar="USD", help="Refuse a recording that costs more.")
@click.option("--name", help="The recording's name.  [default: that of CONFIG]")
@click.option("--masked", "masks", flag_value="masked", help="Hide the market from the models.")
@click.option("--raw", "masks", flag_value="raw", help="Show it; the name gets the suffix -raw.")
@click.option("--both", "masks", flag_value="both", help="Record both, one after the other.")
@json_option
def record(
    config: Path,
    overrides: tuple[str, ...],
    provider: str | None,
    start: date,
    end: date,
    max_cost: str | None,
    name: str | None,
    masks: str | None,
    as_json: bool,
) -> None:
    """Ask CONFIG's fleet at each decision point from START to END, as of that moment.

    The points are those of `decisions:`. The price is estimated before the first call, and a
    recording above --max-cost is refused. The same command continues an interrupted recording and
    pays no answer twice. By default the market is masked as CONFIG says.
    """
    from qe_plugins.fleet.recording.points import midnight
    from qe_plugins.fleet.recording.walk import RecordingOrder, refuse_before_data

    orders = []
    for loaded in _fleets(config, overrides, provider, masks):
        suffix = "" if loaded.fleet.mask_market or masks is None else "-raw"
        order = RecordingOrder(
            name=f"{name or loaded.fleet.name}{suffix}",
            start=midnight(start),
            end=midnight(end),
            max_cost=usd_option(max_cost),
        )
        points = refuse_before_data(loaded, order)
        echo(f"{order.name}: {counted(points, 'decision point')} by the calendar", err=True)
        orders.append((loaded, order))
    found = [_document(_record(loaded, order)) for loaded, order in orders]
    if as_json:
        print_json(found if len(found) > 1 else found[0])
        return
    for one in found:
        _print(one)


def _fleets(
    config: Path, overrides: tuple[str, ...], provider: str | None, masks: str | None
) -> list[LoadedFleet]:
    if masks is None:
        return [load_fleet(config, overrides, provider)]
    return [
        load_fleet(config, (*overrides, f"mask_market={value}"), provider) for value in MASKS[masks]
    ]


def _record(loaded: LoadedFleet, order: RecordingOrder) -> FleetRecording:
    from qe_plugins.fleet.recording.as_of import HistoricMarket
    from qe_plugins.fleet.recording.walk import record as walk
    from qe_plugins.fleet.shutdown import Stopped, on_signals
    from qe_plugins.fleet.tasks.snapshot_loader import open_market
    from qe_plugins.recordings.folder import read

    market = HistoricMarket(open_market(loaded).frame)
    with on_signals() as stop:
        try:
            walk(loaded, market, order, on_decision=_progress, stop=stop)
        except Stopped:
            echo("stopped: the same command continues it", err=True)
            raise SystemExit(INTERRUPTED) from None
    return read(order.name)


def _progress(done: int, of: int, decision: RecordedDecision) -> None:
    if done % EVERY == 0 or done == of:
        echo(f"{done:,} of {of:,} decision points", err=True)


def _document(recording: FleetRecording) -> dict[str, Any]:
    from qe_plugins.recordings.contamination import counts, of_decision
    from qe_plugins.recordings.folder import folder_of, shown

    info = recording.info
    return {
        "recording": info.name,
        "folder": str(folder_of(info.name).path),
        "decisions": len(recording.decisions),
        "first": shown(info.points[0]),
        "last": shown(info.points[-1]),
        "mask": info.mask,
        "models": sorted({model for one in recording.decisions for model in one.models}),
        "contamination": counts(of_decision(one, info) for one in recording.decisions),
        "usd": recording.usd,
        "sha256": recording.sha256,
    }


def _print(found: dict[str, Any]) -> None:
    echo(f"recording {found['recording']}, {found['decisions']:,} decisions")
    echo(f"          {found['first']} to {found['last']}, mask {found['mask']}")
    echo(f"models    {', '.join(found['models'])}")
    labels = ", ".join(f"{count:,} {label}" for label, count in found["contamination"].items())
    echo(f"answers   {labels}")
    echo(f"cost      {dollars(found['usd'])}")
    echo(f"hash      {found['sha256']}")
