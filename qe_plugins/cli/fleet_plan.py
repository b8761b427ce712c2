"""`qe fleet plan`: the tree and what it would cost, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.listing import json_option, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.fleet.plan import Plan

FIGURES = (
    *("nodes", "asks", "model", "calls", "input_tokens", "output_tokens"),
    *("now", "peak", "cached"),
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
    from qe_plugins.fleet import plan as planning
    from qe_plugins.fleet.loading import load

    found = planning.plan(load(config, overrides).fleet)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: Plan) -> None:
    click.echo(f"{found.name}: {found.nodes:,} nodes, at most {found.calls:,} calls a scan")
    rows = [[line.rank.value, *(getattr(line, name) for name in FIGURES)] for line in found.lines]
    print_rows(("rank", *(name.replace("_", " ") for name in FIGURES)), rows)
    hours = "a dear hour" if found.dear else "no dear hour"
    click.echo(f"now, {found.at:%Y-%m-%d %H:%M} UTC, {hours:28}${found.now}")
    click.echo(f"at the models' dearest hours                    ${found.peak}")
    click.echo(f"now, with 75% of each prompt cached             ${found.cached}")
    click.echo(f"by the mission's own list: {found.mission_basis} = ${found.mission}")
    click.echo(f"{found.scans_a_day:g} scans a day, every answer asked anew: ${found.day} a day")
    if found.scan_budget is not None:
        click.echo(f"a scan stops at ${found.scan_budget}")
    if found.provider == "offline":
        click.echo("provider is offline: rules answer and a scan costs nothing")
