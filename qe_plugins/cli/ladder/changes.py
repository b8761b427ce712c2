"""`qe ladder propose`, `confirm`, `demote` and `carry`: what changes the rung of a strategy."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, file_argument, json_option, print_json

if TYPE_CHECKING:
    from qe_plugins.ladder.state import Recorded


class Equity(click.ParamType[Decimal]):
    """An amount of US dollars, such as `60_000 USD`."""

    name = "USD"

    def convert(self, value: Any, param: Any, ctx: Any) -> Decimal:
        """Return the amount. Raises a usage error for any other text."""
        from qe_plugins.units import parse_money

        try:
            return parse_money(str(value), "USD")
        except ValueError as error:
            self.fail(f"{error}, was {value}.", param, ctx)


@click.command()
@file_argument
@json_option
def propose(file: Path, as_json: bool) -> None:
    """Propose the next rung for FILE's strategy, where every criterion is met.

    Nothing changes until a person confirms it.
    """
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.proposals import propose as make

    with Journal.open() as journal:
        made = make(journal, file)
    _print(made, as_json, f"`qe ladder confirm {made.id}` puts it there.")


@click.command()
@click.argument("proposal")
@click.option("--equity", type=Equity(), help="The account's equity in USD, where not configured.")
@json_option
def confirm(proposal: str, equity: Decimal | None, as_json: bool) -> None:
    """Confirm a proposal, at a terminal: its rung binds the next session.

    PROPOSAL is its id, a unique prefix of it, its strategy's name, or `last`. Every criterion is
    checked again.
    """
    from qe_plugins.errors import LadderError
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.proposals import confirm as put

    if not sys.stdin.isatty():
        raise LadderError(
            "a promotion is confirmed by a person at a terminal, and standard input is none.",
            where="confirm",
            hint="Run `qe ladder confirm` in a terminal.",
        )
    with Journal.open() as journal:
        made = put(journal, proposal, equity=equity)
    _print(made, as_json, "It binds from the next session on.")


@click.command()
@click.argument("name")
@click.option("--because", required=True, help="Why; it is recorded.")
@json_option
def demote(name: str, because: str, as_json: bool) -> None:
    """Demote a strategy by one rung, at once, also in a session that runs.

    NAME is a strategy's name on its ladder or a unique prefix of one. Its entries are cancelled,
    brackets stay, and the next entry is of the lower rung.
    """
    from qe_plugins.journal.lookup import resolve_prefix
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.demotions import demote as put
    from qe_plugins.ladder.proposals import person
    from qe_plugins.ladder.rungs import load_ladder
    from qe_plugins.ladder.state import histories

    with Journal.open() as journal:
        known = histories(journal)
        strategy = resolve_prefix(name, list(known), what="strategy")
        ladder = load_ladder(known[strategy][-1].transition.ladder)
        made = put(journal, ladder, strategy, because, person())
    _print(made, as_json, "The evidence starts again at 1.")


@click.command()
@file_argument
@click.option("--because", required=True, help="Why no trade differs; it is recorded.")
@json_option
def carry(file: Path, because: str, as_json: bool) -> None:
    """Carry rung and evidence to FILE's new version, which parity proved trade-identical.

    Run `qe parity RUN --against FILE` first: only a clean check counts.
    """
    from qe_plugins.journal.store import Journal
    from qe_plugins.ladder.proposals import carry as put

    with Journal.open() as journal:
        made = put(journal, file, because)
    _print(made, as_json, f"Version {made.transition.version[:12]} goes on with the evidence.")


def _print(made: Recorded, as_json: bool, then: str) -> None:
    import msgspec

    if as_json:
        print_json(msgspec.to_builtins(made))
        return
    change = made.transition
    step = change.after if change.before == change.after else f"{change.before} -> {change.after}"
    echo(f"{change.strategy}: {change.event}, {step}: {change.because}")
    echo(then)
