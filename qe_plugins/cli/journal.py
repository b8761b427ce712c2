"""`qe journal`: read what happened, follow a trade to its causes, verify the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from qe_plugins.cli.output import echo, json_option, print_json, print_rows
from qe_plugins.errors import JournalError
from qe_plugins.journal.listings import VIEWS, Listing, cell, line, utc
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from qe_plugins.journal.facts import Fact
    from qe_plugins.journal.trace import Step

ROWS = 100
"""How many rows a table shows unless told otherwise."""

DEEPEST = 16
"""How far the tree of a trade is indented at most."""

type Command = Callable[..., None]


def _run_option(command: Command) -> Command:
    says = "A run's id, or the start of one; `last` is the run written last."
    return click.option("--run", default="last", show_default=True, help=says)(command)


def _limit_option(command: Command) -> Command:
    says = "Show this many rows, the last ones. --json always prints all."
    return click.option(
        "--limit", type=click.IntRange(min=1), default=ROWS, show_default=True, help=says
    )(command)


class InOrder(click.Group):
    """A group that lists its commands as they were added: in the order of a trading day."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder)
def journal() -> None:
    """Read the journal: what was wished, refused, traded and said, and what led to it."""


def _add_listing(name: str, view: Listing) -> None:
    @journal.command(name, help=view.about)
    @_run_option
    @_limit_option
    @json_option
    def listing(run: str, limit: int, as_json: bool) -> None:
        from qe_plugins.journal.store import Journal

        with Journal.open() as opened:
            run_id = opened.resolve(run)
            facts = opened.facts(run_id, view.kinds)
        if as_json:
            print_json([{"run_id": run_id, **msgspec.structs.asdict(fact)} for fact in facts])
        else:
            _print_table(f"{name} of {run_id}", view, facts, limit)


for _name, _view in VIEWS.items():
    _add_listing(_name, _view)


@journal.command()
@click.argument("trade")
@_run_option
@json_option
def trace(trade: str, run: str, as_json: bool) -> None:
    """Follow TRADE (its id, its start or number, or `last`) from bar to review."""
    from qe_plugins.journal.store import Journal
    from qe_plugins.journal.trace import causal_chain, find_trade

    with Journal.open() as opened:
        run_id = opened.resolve(run)
        facts = opened.facts(run_id)
    found = find_trade(facts, trade)
    chain = causal_chain(facts, found)
    if as_json:
        print_json({"run_id": run_id, "trade": found.id, "chain": chain})
    else:
        _print_tree(f"{found.id} of {run_id}", chain)


@journal.command()
@click.argument("file", type=click.Path(path_type=Path))
def anchor(file: Path) -> None:
    """Append the head of the journal to FILE, to be kept where nobody changes it.

    `qe journal verify --anchor FILE` then finds a journal that was written again as a whole.
    """
    from qe_plugins.journal.anchor import append
    from qe_plugins.journal.store import Journal

    with Journal.open() as opened:
        kept = append(file, *opened.head())
    echo(f"anchored: {kept.runs} runs, {kept.hash}")


@journal.command()
@click.option(
    "--anchor",
    "anchors",
    type=click.Path(path_type=Path),
    help="Compare with the heads that `qe journal anchor` wrote to this file.",
)
@json_option
def verify(anchors: Path | None, as_json: bool) -> None:
    """Compute every hash again: was anything changed, deleted, inserted or moved?

    The folders of runs are compared, too: each has the hash of its facts in `result.json`.
    """
    from qe_plugins.journal.anchor import read
    from qe_plugins.journal.store import Journal
    from qe_plugins.report import run_index

    kept = read(anchors) if anchors is not None else []
    with Journal.open() as opened:
        problems = opened.verify(kept)
        runs, facts = opened.counts()
        written = {run.run_id: run.content_hash for run in opened.runs()}
    problems += run_index.contradictions(written)
    if as_json:
        print_json({"runs": runs, "facts": facts, "problems": problems})
    else:
        for problem in problems:
            echo(str(problem))
    if problems:
        raise JournalError(
            f"does not verify, problems: {len(problems)}.",
            where="journal",
            hint="Somebody changed it after it was written: restore it from a backup.",
        )
    if not as_json:
        echo(f"verified: {runs} runs, {facts} facts, nothing changed")


def _print_table(what: str, view: Listing, facts: Sequence[Fact], limit: int) -> None:
    if not facts:
        echo(f"no {what}")
        return
    echo(what)
    head = [column.replace("_", " ") for column in view.columns]
    print_rows(head, [[cell(fact, column) for column in view.columns] for fact in facts[-limit:]])
    if len(facts) > limit:
        click.echo(f"the last {limit} of {len(facts)}; --limit shows more, --json all")


def _print_tree(title: str, chain: Sequence[Step]) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    branches = [Tree(Text(title, style="bold"))]
    for step in chain:
        del branches[min(step.depth, DEEPEST) + 1 :]
        fact = step.fact
        name = fact.id.partition("@")[0]  # a snapshot's id ends with the time of its bar
        parts = (shown(name), "cyan"), "  ", shown(line(fact))
        label = Text.assemble(utc(fact.ts_event), "  ", *parts)
        branches.append(branches[-1].add(label))
    Console(highlight=False).print(branches[0])
