"""`qe journal`: list facts, trace a trade to its causes, verify the hash chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from qe_plugins.cli.output import counted, echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working
from qe_plugins.errors import JournalError
from qe_plugins.journal.listings import VIEWS, Listing, cell, line, utc
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from qe_plugins.journal.facts import Fact, OpenRun
    from qe_plugins.journal.model_costs import ModelCost
    from qe_plugins.journal.trace import Step

ROWS = 100
"""Default number of rows of a table."""

DEEPEST = 16
"""Maximum indentation of a trade's tree."""

type Command = Callable[..., None]


def _run_option(command: Command) -> Command:
    text = "A run's id or a prefix of it; `last` is the latest run."
    return click.option("--run", default="last", show_default=True, help=text)(command)


def _limit_option(command: Command) -> Command:
    text = "Maximum number of rows, the last ones. --json always prints all."
    return click.option(
        "--limit", type=click.IntRange(min=1), default=ROWS, show_default=True, help=text
    )(command)


class InOrder(click.Group):
    """A group that lists its commands in the order of definition: that of a trading day."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder)
def journal() -> None:
    """List, trace and verify the facts of runs."""


def _add_listing(name: str, view: Listing) -> None:
    if view.own_runs:
        _add_listing_of_runs(name, view)
        return

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


def _add_listing_of_runs(name: str, view: Listing) -> None:
    @journal.command(name, help=view.about)
    @_limit_option
    @json_option
    def listing(limit: int, as_json: bool) -> None:
        from qe_plugins.journal.store import Journal

        with Journal.open() as opened:
            runs = [one.run_id for one in opened.runs() if one.name in view.kinds]
            facts = [(run, fact) for run in runs for fact in opened.facts(run, view.kinds)]
        if as_json:
            print_json([{"run_id": run, **msgspec.structs.asdict(fact)} for run, fact in facts])
        else:
            _print_table(name, view, [fact for _, fact in facts], limit)


for _name, _view in VIEWS.items():
    _add_listing(_name, _view)


@journal.command()
@click.argument("trade")
@_run_option
@json_option
def trace(trade: str, run: str, as_json: bool) -> None:
    """Print the causal chain of TRADE, from bar to review, and what models cost for it.

    TRADE is a trade's id, a prefix of it, its number, or `last`.
    """
    from qe_plugins.journal.facts import FactKind
    from qe_plugins.journal.model_costs import costs_of
    from qe_plugins.journal.store import Journal
    from qe_plugins.journal.trace import causal_chain, find_trade

    with Journal.open() as opened:
        run_id = opened.resolve(run)
        facts = opened.facts(run_id)
        found = find_trade(facts, trade)
        name = f"{run_id}/{found.id.removeprefix('trade:')}"
        steps = [one.fact for one in opened.page(kinds=[FactKind.STEP], word=name)]
    chain = causal_chain(facts, found)
    costs = costs_of([one.fact for one in chain], steps)
    if as_json:
        print_json({"run_id": run_id, "trade": found.id, "chain": chain, "model_costs": costs})
    else:
        _print_tree(f"{found.id} of {run_id}", chain)
        _print_costs(costs, found)


@journal.command()
@click.argument("file", type=click.Path(path_type=Path))
def anchor(file: Path) -> None:
    """Append the head of the journal to FILE.

    Store FILE where it cannot be changed: `qe journal verify --anchor FILE` then detects a
    journal whose whole chain was rewritten.
    """
    from qe_plugins.journal.anchor import append
    from qe_plugins.journal.store import Journal

    with Journal.open() as opened:
        head = append(file, *opened.head())
    echo(f"anchored: {head.runs} runs, {head.hash}")


@journal.command()
@click.option(
    "--anchor",
    "anchors",
    type=click.Path(path_type=Path),
    help="Compare with the heads in this file, written by `qe journal anchor`.",
)
@json_option
def verify(anchors: Path | None, as_json: bool) -> None:
    """Recompute every hash and report changes.

    Facts that were changed, deleted, inserted or moved are reported. Run folders are compared as
    well: `result.json` has the hash of the run's facts. Runs without an end are listed.
    """
    from qe_plugins.journal.activity.store import ActivityJournal
    from qe_plugins.journal.anchor import read
    from qe_plugins.journal.store import Journal
    from qe_plugins.report import run_index

    heads = read(anchors) if anchors is not None else []
    with working("verifying every fact"), Journal.open() as opened:
        problems = opened.verify(heads)
        runs, facts = opened.counts()
        written = {run.run_id: run.content_hash for run in opened.runs()}
        still_open = opened.open_runs()
    with ActivityJournal.open() as activity:
        problems += activity.verify()
    problems += run_index.contradictions(written)
    if as_json:
        counts = {"runs": runs, "facts": facts}
        print_json({**counts, "problems": problems, "open_runs": still_open})
    else:
        for problem in problems:
            echo(str(problem))
    if problems:
        raise JournalError(
            f"does not verify, problems: {len(problems)}.",
            where="journal",
            hint="It was changed after it was written: restore it from a backup.",
        )
    if not as_json:
        echo(f"verified: {runs} runs, {facts} facts, nothing changed")
        for run in still_open:
            echo(f"open since {run.started:%Y-%m-%d %H:%M:%S}Z: {_unended(run)}")


def _unended(run: OpenRun) -> str:
    from qe_plugins.journal.facts import RunState

    elsewhere = f" on {run.host}" if run.state is RunState.UNKNOWN else ""
    last = f"{run.appended:%Y-%m-%d %H:%M:%S}Z"
    return (
        f"run {run.run_id}, {run.state}, process {run.pid}{elsewhere}, "
        f"{counted(run.facts, 'fact')}, the last at {last}"
    )


def _print_costs(costs: Sequence[ModelCost], trade: Fact) -> None:
    """Print what models cost for a trade, and its P&L net of that where it is in USD."""
    from decimal import Decimal

    if not costs:
        return
    for one in costs:
        echo(f"models   {one.what}  ${one.usd:.4f}")
    usd = sum((one.usd for one in costs), Decimal(0))
    if trade.body.get("currency") == "USD" and "pnl" in trade.body:
        pnl = Decimal(str(trade.body["pnl"]))
        echo(f"P&L      {pnl:+,.2f} USD, net of ${usd:.4f} of models {pnl - usd:+,.4f} USD")


def _print_table(title: str, view: Listing, facts: Sequence[Fact], limit: int) -> None:
    if not facts:
        echo(f"no {title}")
        return
    echo(title)
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
