"""`qe fleet plan`: the tree and what it would cost, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.scan.estimate import ScanPlan

AMOUNTS = ("now", "cheap", "peak", "cached")
SUMMED = ("nodes", "calls", "input_tokens", "output_tokens", *AMOUNTS)
FIGURES = (
    *("nodes", "asks", "model", "calls", "input_tokens", "output_tokens"),
    *AMOUNTS,
)

FILE = click.argument("config", type=click.Path(path_type=Path))
OVERRIDES = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Write over the file, such as ranks.worker.count=10. May be given more than once.",
)


@click.command()
@FILE
@OVERRIDES
@json_option
def plan(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the tree of CONFIG, its calls, tokens and dollars. Nothing is asked."""
    from qe_plugins.fleet.loader import load
    from qe_plugins.fleet.scan import estimate as planning

    found = planning.plan(load(config, overrides).fleet)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: ScanPlan) -> None:
    echo(f"{found.name}: {found.nodes:,} nodes, at most {found.calls:,} calls a scan")
    rows = [
        [line.rank.value, *(_figure(getattr(line, name)) for name in FIGURES)]
        for line in found.lines
    ]
    rows.append(["all", *(_sum(found, name) for name in FIGURES)])
    print_rows(("rank", *(_head(name) for name in FIGURES)), rows)
    for when, amount in _prices(found):
        echo(f"{when:52}${amount}")
    echo(f"by the mission's own list: {found.mission_basis} = ${found.mission}")
    echo(f"{found.scans_a_day:g} scans a day, every answer asked anew: ${found.day:,} a day")
    if found.scan_budget is not None:
        echo(f"a scan stops at ${found.scan_budget}")
    if found.day_budget is not None:
        echo(f"a day stops at ${found.day_budget}")
    if found.scan_budget is not None or found.day_budget is not None:
        echo(
            f"killed, or billed otherwise than it is told, a scan may overstep that by what is in "
            f"flight: at most ${found.in_flight}"
        )
    for name, (url, source) in found.addresses.items():
        echo(f"{name} is asked at {url} ({source})")
    if found.over:
        budgets = " and ".join(found.over)
        echo(f"CAREFUL: in the dearest hours a scan costs more than its budget for {budgets}")
    if found.provider != "models":
        echo(f"provider is {found.provider}: rules answer and a scan costs nothing")


def _prices(found: ScanPlan) -> Iterator[tuple[str, Decimal]]:
    hours = "a dear hour" if found.dear else "no dear hour"
    yield f"now, {found.at:%Y-%m-%d %H:%M} UTC, {hours}", found.now
    yield "at the models' cheapest hours", found.cheap
    yield "at the models' dearest hours", found.peak
    yield "now, with 75% of each prompt cached", found.cached


def _head(name: str) -> str:
    return f"{name} $" if name in AMOUNTS else name.replace("_", " ")


def _sum(found: ScanPlan, name: str) -> object:
    if name not in SUMMED:
        return ""
    return _figure(sum(getattr(line, name) for line in found.lines))


def _figure(value: object) -> object:
    """Return an amount in hundredths of a cent, and anything else as it is."""
    return round(value, 4) if isinstance(value, Decimal) else value
