"""`qe fleet review`: ANALYST runs variants of the closed trades of a run, and draws lessons."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from qe_plugins.cli.fleet.at_work import context_of, document, print_session, role_options
from qe_plugins.cli.output import counted, echo, print_json, print_rows


@click.command()
@click.option("--lessons-to", type=click.Path(path_type=Path), help="Append lessons to this file.")
@role_options
def review(lessons_to: Path | None, as_json: bool, **options: Any) -> None:
    """Let ANALYST of CONFIG's fleet review the closed trades of --run.

    Each variant of each trade is computed from the bars around it: an exit later, or after a fixed
    time, an entry a bar later, half the size. A lesson needs 30 trades, an interval without zero,
    and two halves that agree. With --lessons-to it is appended in the form that `lessons:` reads.
    """
    from qe_plugins.errors import FleetError
    from qe_plugins.fleet.roles import run_role
    from qe_plugins.fleet.roles.analyst import trade_of
    from qe_plugins.fleet.roles.desk_state import facts_of
    from qe_plugins.journal.facts import FactKind
    from qe_plugins.plugins.types import Role

    if options["run"] is None:
        raise FleetError("is needed: the run whose trades are reviewed.", where="--run")
    trades = [trade_of(one) for one in facts_of(options["run"], [FactKind.TRADE])]
    outcome = run_role(Role.ANALYST, context_of(**options, trades=trades))
    if lessons_to is not None:
        _append(lessons_to, outcome.found.lessons)
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
    for one in outcome.found.refused:
        echo(f"refused   {one}")
    count = len(outcome.found.lessons)
    echo(f"{counted(outcome.found.trades, 'trade')}, {counted(count, 'lesson')}")


def _append(file: Path, lessons: Any) -> None:
    import msgspec

    with file.open("ab") as opened:
        for one in lessons:
            known = datetime.fromtimestamp(one.known / 1e9, UTC).isoformat()
            opened.write(msgspec.json.encode({"known": known, "text": one.text}) + b"\n")
