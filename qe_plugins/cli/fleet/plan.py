"""`qe fleet plan`: the tree of a fleet and the estimated cost of a scan."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.loader import LoadedFleet
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
    help="Override a value of the file, such as ranks.worker.count=10. Repeatable.",
)
PROVIDER = click.option(
    "--provider",
    type=click.Choice(["offline", "models"]),
    help="Who answers: rules, or the models of CONFIG.  [default: what CONFIG says]",
)


def load_fleet(config: Path, overrides: tuple[str, ...], provider: str | None) -> LoadedFleet:
    """Return the fleet of a file with overrides, where `--provider` counts last."""
    from qe_plugins.fleet.loader import load

    return load(config, (*overrides, f"provider={provider}") if provider else overrides)


def usd_option(text: str | None, option: str = "--max-cost") -> Decimal | None:
    """Return the amount of an option such as `--max-cost`, None without one. Raises ConfigError."""
    from decimal import InvalidOperation

    from qe_plugins.errors import ConfigError

    if text is None:
        return None
    try:
        amount = Decimal(text.removesuffix("USD").strip().replace("_", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount >= 0):
        hint = f"Write {option} 60."
        raise ConfigError(f"must be an amount in USD, was '{text}'.", where=option, hint=hint)
    return amount


@click.command()
@FILE
@OVERRIDES
@json_option
def plan(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the tree of CONFIG, its calls, tokens and cost in USD. No model is called."""
    from qe_plugins.fleet.loader import load
    from qe_plugins.fleet.scan import estimate

    found = estimate.plan(load(config, overrides).fleet)
    if as_json:
        print_json(found)
    else:
        _print_plan(found)


def _print_plan(found: ScanPlan) -> None:
    echo(f"{found.name}: {found.nodes:,} nodes, at most {found.calls:,} calls a scan")
    rows = [
        [line.rank.value, *(_rounded(getattr(line, name)) for name in FIGURES)]
        for line in found.lines
    ]
    rows.append(["all", *(_column_sum(found, name) for name in FIGURES)])
    print_rows(("rank", *(_column_title(name) for name in FIGURES)), rows)
    for when, amount in _prices(found):
        echo(f"{when:52}${amount}")
    echo(f"by the mission's own list: {found.mission_basis} = ${found.mission}")
    echo(f"{found.scans_a_day:g} scans a day, no answer reused: ${found.day:,} a day")
    if found.scan_budget is not None:
        echo(f"a scan stops at ${found.scan_budget}")
    if found.day_budget is not None:
        echo(f"a day stops at ${found.day_budget}")
    if found.scan_budget is not None or found.day_budget is not None:
        echo(
            "where a scan is killed or a usage is reported wrongly, calls in flight may exceed "
            f"that by at most ${found.in_flight}"
        )
    for name, (url, source) in found.addresses.items():
        echo(f"{name} is called at {url} ({source})")
    if found.over:
        budgets = " and ".join(found.over)
        echo(f"CAREFUL: at peak hours a scan costs more than its budget for {budgets}")
    if found.provider != "models":
        echo(f"provider is {found.provider}: rules answer and a scan costs nothing")


def _prices(found: ScanPlan) -> Iterator[tuple[str, Decimal]]:
    hours = "peak" if found.dear else "off-peak"
    yield f"now, {found.at:%Y-%m-%d %H:%M} UTC, {hours}", found.now
    yield "at off-peak hours", found.cheap
    yield "at peak hours", found.peak
    yield "now, with 75% of each prompt cached", found.cached


def _column_title(name: str) -> str:
    return f"{name} $" if name in AMOUNTS else name.replace("_", " ")


def _column_sum(found: ScanPlan, name: str) -> object:
    if name not in SUMMED:
        return ""
    return _rounded(sum(getattr(line, name) for line in found.lines))


def _rounded(value: object) -> object:
    """Return an amount rounded to hundredths of a cent, any other value unchanged."""
    return round(value, 4) if isinstance(value, Decimal) else value
