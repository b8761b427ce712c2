"""`qe fleet validate`: ARBITER attacks a thesis with numbers and gives a typed verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qe_plugins.cli.fleet.at_work import context_of, document, print_session, role_options
from qe_plugins.cli.output import echo, print_json, print_rows

FAILED = 1


@click.command()
@click.option("--thesis", type=click.Path(path_type=Path), required=True, help="A YAML file.")
@role_options
def validate(thesis: Path, as_json: bool, **options: Any) -> None:
    """Let ARBITER attack a thesis on the bars of CONFIG's data.

    The thesis is recomputed, split by odd and even days, delayed, jittered, charged twice its
    costs, compared with 200 random-entry controls and searched for leaks; then a blind jury is
    asked, which can only object. Exit code 1 means that it did not pass.
    """
    from dataclasses import replace

    from qe_plugins.fleet.roles import run_role
    from qe_plugins.fleet.roles.attacks import Outcome
    from qe_plugins.fleet.roles.validation import attacked
    from qe_plugins.plugins.types import Role

    context = context_of(**options)
    known, report = attacked(thesis, context)
    outcome = run_role(Role.ARBITER, replace(context, attacks=report, statement=known.statement))
    found = outcome.found
    if as_json:
        print_json(document(outcome))
    else:
        print_session(outcome.session)
        rows = [
            [one.name, f"{one.figure:g}", f"{one.bound:g}", "held" if one.held else "FAILED"]
            for one in report.attacks
        ]
        print_rows(("attack", "figure", "bound", ""), rows)
        echo(
            f"{report.trades} trades, {report.mean_r:+.3f} R net, break-even at "
            f"{report.break_even:g} points a round trip, capacity {report.capacity} contracts"
        )
        echo(f"jury      {found.jury.voted} of {found.jury.seats} seats voted")
        echo(f"verdict   {known.name}: {found.outcome}")
    if found.outcome is not Outcome.PASSED:
        raise SystemExit(FAILED)
