"""`qe ladder`: where strategies stand on the validation ladder, and what changes that.

`standing.py` has `status`, `criteria` and `history`, `changes.py` has `propose`, `confirm`,
`demote` and `carry`, `expectations.py` has `simulate` and `plan`. Options and JSON output stay,
since scripts rely on them. The commands only call `ladder/` and print; they import it when run.
"""

from __future__ import annotations

import click

from qe_plugins.cli import LazyGroup

COMMANDS: dict[str, str] = {
    "status": "qe_plugins.cli.ladder.standing:status",
    "criteria": "qe_plugins.cli.ladder.standing:criteria",
    "history": "qe_plugins.cli.ladder.standing:history",
    "propose": "qe_plugins.cli.ladder.changes:propose",
    "confirm": "qe_plugins.cli.ladder.changes:confirm",
    "demote": "qe_plugins.cli.ladder.changes:demote",
    "carry": "qe_plugins.cli.ladder.changes:carry",
    "simulate": "qe_plugins.cli.ladder.expectations:simulate",
    "plan": "qe_plugins.cli.ladder.expectations:plan",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def ladder() -> None:
    """Show and change the rung of strategies: up by evidence, down by itself."""
