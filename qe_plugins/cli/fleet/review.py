"""`qe fleet review`: ANALYST runs variants of the closed trades of a run, and draws lessons."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from qe_plugins.cli.fleet.at_work import context_of, document, print_session, role_options
from qe_plugins.cli.output import counted, echo, print_json, print_rows


@click.command()
@click.option("--lessons-to", type=click.Path(path_type=Path), help="Append lessons that held.")
@role_options
def review(lessons_to: Path | None, as_json: bool, **options: Any) -> None:
    """Let ANALYST of CONFIG's fleet review the closed trades of --run.

    Each variant of each trade is computed from the bars around it: an exit later, or after a fixed
    time, an entry a bar later, half the size, and without the votes of each plugin. A lesson needs
    30 trades, an interval without zero, and two halves that agree. One that was written by an
    earlier review has held once 30 trades opened since then have its sign, more often than by
    chance: only then do sessions see it, and --lessons-to appends it as `lessons:` reads it.
    """
    from qe_plugins.errors import FleetError
    from qe_plugins.fleet.roles import run_role
    from qe_plugins.fleet.roles.closed_trades import OF_TRADES, closed_trades
    from qe_plugins.fleet.roles.desk_state import facts_of
    from qe_plugins.plugins.types import Role

    if options["run"] is None:
        raise FleetError("is needed: the run whose trades are reviewed.", where="--run")
    trades = closed_trades(facts_of(options["run"], OF_TRADES))
    outcome = run_role(Role.ANALYST, context_of(**options, trades=trades))
    if lessons_to is not None:
        _append(lessons_to, outcome.found.held)
    if as_json:
        print_json(document(outcome))
        return
    print_session(outcome.session)
    rows = [
        [one.variant, one.trades, f"{one.effect:+.3f}", f"{one.low:+.3f}", f"{one.high:+.3f}"]
        for one in outcome.found.variants
    ]
    print_rows(("variant", "trades", "effect", "low", "high"), rows)
    echo("effects are in mean true ranges of a minute, a trade")
    for one in outcome.found.lessons:
        echo(f"lesson    {one.text}")
    for one in outcome.found.held:
        echo(f"held      in {one.agreed} of {one.trades} later trades: {one.text}")
    for one in outcome.found.refused:
        echo(f"refused   {one}")
    count = len(outcome.found.lessons)
    echo(f"{counted(outcome.found.trades, 'trade')}, {counted(count, 'lesson')}")


def _append(file: Path, lessons: Any) -> None:
    import msgspec

    with file.open("ab") as opened:
        for one in lessons:
            known = datetime.fromtimestamp(one.held / 1e9, UTC).isoformat()
            opened.write(msgspec.json.encode({"known": known, "text": one.text}) + b"\n")
