"""Tools that read: the state of the desk, its journal, scans, costs and reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.inspect import node_view
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.journal.trace import causal_chain, find_trade
from qe_plugins.llm.ledger import Ledger
from qe_plugins.mission import board, desk
from qe_plugins.report import run_index
from qe_plugins.report.day import morning
from qe_plugins.tool_server.toolset import Effect, ServedTool, ToolInput, ToolScope

Rows = Annotated[int, Meta(ge=1, le=200)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class NoInput(ToolInput, frozen=True):
    """No arguments."""


class FactsInput(ToolInput, frozen=True):
    """Facts of some kinds, of one run (an id, a prefix, `last`) or of all, newest first.

    `since` and `until` are times of the market with a time zone; `word` is part of a fact.
    """

    kinds: list[FactKind] = msgspec.field(default_factory=list)
    run: Text | None = None
    since: datetime | None = None
    until: datetime | None = None
    word: Text | None = None
    limit: Rows = 50


class TradeInput(ToolInput, frozen=True):
    """A trade (an id, its number, `last`) of a run (an id, a prefix, `last`)."""

    trade: Text = "last"
    run: Text = "last"


class RowsInput(ToolInput, frozen=True):
    """The number of rows, the newest."""

    limit: Rows = 20


class NodeInput(ToolInput, frozen=True):
    """A scan (`last`, an id or a part of one), and a node of its tree: `desk`, `1`, `1.2`."""

    scan: Text = "last"
    node: Text = "desk"


class CostsInput(ToolInput, frozen=True):
    """How costs are grouped, and the one scan that they are of."""

    by: Literal["rank", "model", "role", "scan", "day"] = "day"
    scan: Text | None = None


class DayInput(ToolInput, frozen=True):
    """A session day: a date, `today` or `yesterday`."""

    day: Text = "today"


@contextmanager
def _journal() -> Iterator[Journal]:
    if not Journal.exists():
        raise JournalError("there is no journal yet.", hint="Run a session or a backtest first.")
    with Journal.open() as journal:
        yield journal


def status(_: NoInput, scope: ToolScope) -> dict[str, Any]:
    """Return halt, sessions with positions and P&L, and what a person is asked for."""
    sessions, unreadable = read_sessions()
    halt = HaltLatch.at_home().read()
    asked = []
    if Journal.exists():
        now = scope.now()
        with Journal.open() as journal, ActivityJournal.open() as activity:
            found = board.board(
                activity, desk.asked_of_a_person(journal, now), int(now.timestamp()) * 10**9
            )
        asked = [one for one in (found.now, *found.next) if one is not None]
    return {"halt": halt, "sessions": sessions, "unreadable": unreadable, "asked": asked}


def facts(given: FactsInput, _: ToolScope) -> list[Any]:
    """Return facts of the journal, newest first."""
    with _journal() as journal:
        return journal.page(
            kinds=given.kinds or None,
            run=journal.resolve(given.run) if given.run else None,
            since_ns=_nanos(given.since),
            until_ns=_nanos(given.until),
            word=given.word,
            newest_first=True,
            limit=given.limit,
        )


def trace(given: TradeInput, _: ToolScope) -> dict[str, Any]:
    """Return the causal chain of a trade."""
    with _journal() as journal:
        run_id = journal.resolve(given.run)
        known = journal.facts(run_id)
    found = find_trade(known, given.trade)
    return {"run_id": run_id, "trade": found.id, "chain": causal_chain(known, found)}


def postures(given: RowsInput, _: ToolScope) -> list[Any]:
    """Return the last postures, newest first."""
    with _journal() as journal:
        return journal.page(kinds=[FactKind.POSTURE], newest_first=True, limit=given.limit)


def runs(given: RowsInput, _: ToolScope) -> list[Any]:
    """Return the last runs with their figures, newest first."""
    return run_index.listing()[: given.limit]


def scans(given: RowsInput, _: ToolScope) -> list[Any]:
    """Return the last scans, newest first, with their results."""
    found = []
    for scan_id in store.scans()[::-1][: given.limit]:
        result = store.find(scan_id)[1].result()
        found.append({"scan": scan_id, "result": result})
    return found


def scan(given: NodeInput, _: ToolScope) -> Any:
    """Return one node of a scan: its answer, its children and its exact request."""
    return node_view(lifecycle.reopen(given.scan), given.node)


def costs(given: CostsInput, _: ToolScope) -> list[Any]:
    """Return what calls of models cost, in USD."""
    if not (state_dir.ledger_url() or (state_dir.state_dir() / "ledger.sqlite").exists()):
        return []
    with Ledger() as ledger:
        return ledger.costs(given.by, given.scan)


def report(given: DayInput, scope: ToolScope) -> dict[str, Any]:
    """Return the report of a session day."""
    now = scope.now()
    day = morning.day_of(given.day, now)
    if not Journal.exists():
        found = morning.day_report(day, now, None)
    else:
        with Journal.open() as journal, ActivityJournal.open() as activity:
            found = morning.day_report(day, now, journal, activity)
    return {name: value for name, value in msgspec.structs.asdict(found).items() if name != "marks"}


def _nanos(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1_000_000) * 1_000


READING = (
    (status, NoInput, "Whether trading is halted, the sessions that run with their positions and "
     "P&L, and what a person is asked for."),
    (facts, FactsInput, "Facts of the journal, newest first: votes, signals, orders, vetoes, "
     "fills, trades, reviews, postures, halts, alarms."),
    (trace, TradeInput, "The causal chain of a trade, from the bar that led to it to its review."),
    (postures, RowsInput, "The last postures (risk limits in force), newest first."),
    (runs, RowsInput, "The last backtests and sessions with their figures, newest first."),
    (scans, RowsInput, "The last scans of fleets with score, coverage, quorum and cost."),
    (scan, NodeInput, "One node of a scan: its answer, its children and its exact request."),
    (costs, CostsInput, "What calls of models cost in USD, by rank, model, role, scan or day."),
    (report, DayInput, "The report of a session day: P&L, decisions, refusals, costs, what needs a "
     "person."),
)  # fmt: skip

TOOLS = tuple(
    ServedTool(name=call.__name__, about=about, effect=Effect.READS, arguments=arguments, call=call)
    for call, arguments, about in READING
)
