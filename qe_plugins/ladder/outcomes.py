"""What the journal has of a strategy: its sessions, their trades in R, and their parity checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.recordings.contamination import is_evidence as may_promote

LIVE, PAPER, PARITY = "live", "paper", "parity"
RESUMED = str(FactKind.RESUME)
"""The name of a run that is the end of a halt."""

PRACTICE = ("DU", "DF")
"""How the ids of paper accounts at the broker begin."""

type FreshFacts = Mapping[str, Sequence[Fact]]
"""Facts of sessions, by run, that the journal may not have yet."""

LABEL = "contamination"
"""What a vote's facts say of its model's knowledge; `recordings.contamination` has the labels."""

NO_FACTS: FreshFacts = MappingProxyType({})

type Checked = Literal["clean", "red", "explained", "unchecked"]


class LadderTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A closed trade in R of the rung that it was opened on: `pnl` and `cost` in USD.

    `cost` is that of model calls. Times are UTC nanoseconds; `slippage` is in points.
    """

    id: str
    version: str
    rung: str
    opened: int
    closed: int
    pnl: Decimal
    cost: Decimal
    risk: Decimal
    slippage: Decimal | None = None

    @property
    def outcome(self) -> float:
        """Return the result in R, after fees, slippage and model calls."""
        return float((self.pnl - self.cost) / self.risk)


class LadderSession(msgspec.Struct, frozen=True, kw_only=True):
    """A paper or live session of a strategy on its ladder.

    `counts` says that its trades are evidence: a live session with real money, whose recordings are
    not contaminated. `parity` is its last check with its own settings, `parity_id` the run of that.
    `halts` are halts that no person set, `external` fills that no strategy of it caused; each is
    the id of a fact with its text. `halted` has the time of each halt and of the resume that ended
    it (UTC ns), None while it lasts; `by_the_clock` says that the session ran by the wall clock.
    """

    run_id: str
    mode: str
    version: str
    rung: str
    counts: bool
    trades: list[LadderTrade] = []
    halts: dict[str, str] = {}
    halted: dict[str, tuple[int, int | None]] = {}
    by_the_clock: bool = False
    external: dict[str, str] = {}
    parity: Checked = "unchecked"
    parity_id: str = ""
    allowed_slippage: Decimal | None = None
    last: int = 0


class StrategyRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions of a strategy, oldest first."""

    sessions: list[LadderSession]

    @property
    def live_trades(self) -> list[LadderTrade]:
        """Return the trades that are evidence, of all versions, in the order they closed."""
        return [one for each in self.sessions if each.counts for one in each.trades]

    @property
    def last(self) -> int:
        """Return the market's time of the newest fact (UTC ns), 0 without one."""
        return max((one.last for one in self.sessions), default=0)


def is_evidence(body: Mapping[str, Any]) -> bool:
    """Return whether a session's trades count: live, with real money, nothing contaminated."""
    if body.get("mode") != LIVE or body.get("contaminated"):
        return False
    ib = ((body.get("config") or {}).get("broker") or {}).get("ib") or {}
    account = str(ib.get("account", ""))
    return account in ib.get("live_accounts", []) and not account.startswith(PRACTICE)


def named(body: Mapping[str, Any]) -> str:
    """Return the name of a session's strategy on its ladder, empty where it is on none."""
    config = body.get("config") or {}
    settings = config.get("ladder")
    return str(settings.get("name") or config.get("name")) if settings else ""


def records_of(
    journal: Journal,
    strategy: str,
    model_cost: Decimal,
    fresh: FreshFacts = NO_FACTS,
) -> StrategyRecords:
    """Return what the journal has of a strategy. `model_cost` is that of a trade without its own.

    `fresh` are facts of sessions, by run, that the journal may not have yet.

    Raises JournalError for a journal that cannot be read.
    """
    firsts = journal.first_facts()
    checks = _parity_checks(journal, firsts)
    resumes = [one.ts_event for one in firsts.values() if one.body.get("name") == RESUMED]
    sessions = []
    for run_id, first in firsts.items():
        if first.body.get("mode") in (LIVE, PAPER) and named(first.body) == strategy:
            facts = journal.facts(run_id, READ)
            known = {fact.id for fact in facts}
            facts += [one for one in fresh.get(run_id, ()) if one.id not in known]
            found = session_of(run_id, first, facts, model_cost, resumes)
            if found is None:
                continue
            if found.counts and not _votes_are_evidence(journal, run_id, len(found.trades)):
                found = msgspec.structs.replace(found, counts=False)
            parity, parity_id = checks.get(run_id, ("unchecked", ""))
            sessions.append(msgspec.structs.replace(found, parity=parity, parity_id=parity_id))
    return StrategyRecords(sessions=sorted(sessions, key=lambda one: one.run_id))


_VOTES: WeakKeyDictionary[Journal, dict[tuple[str, int], bool]] = WeakKeyDictionary()
"""What was found of a run's votes at so many trades: a ladder is read after every bar."""


def _votes_are_evidence(journal: Journal, run_id: str, trades: int) -> bool:
    """Return whether every recorded vote of a session, before its last trade, may promote."""
    known = _VOTES.setdefault(journal, {})
    if trades and (run_id, trades) not in known:
        labels = {
            fact.body.get("facts", {}).get(LABEL) for fact in journal.facts(run_id, [FactKind.VOTE])
        }
        known[run_id, trades] = all(may_promote(str(one)) for one in labels - {None})
    return known.get((run_id, trades), True)


READ = (FactKind.TRADE, FactKind.FILL, FactKind.HALT, FactKind.RESUME, FactKind.RUNG)
"""The kinds of facts of a session that are read."""


def session_of(
    run_id: str,
    first: Fact,
    facts: Sequence[Fact],
    model_cost: Decimal,
    resumes: Sequence[int] = (),
) -> LadderSession | None:
    """Return a session from its first fact, the run, and the facts of the kinds that are read.

    `resumes` are times (UTC ns of the wall clock) at which a halt was ended outside of a session.
    None for a session that did not begin on its ladder.
    """
    changes = [fact for fact in facts if fact.kind is FactKind.RUNG]
    if not changes:
        return None
    version = str(changes[0].body["version"])
    rungs = [
        (one.ts_event, str(one.body["after"]["name"]), Decimal(one.body["after"]["risk"]))
        for one in changes
    ]
    trades: list[LadderTrade] = []
    halts: dict[str, str] = {}
    halted: dict[str, tuple[int, int | None]] = {}
    external: dict[str, str] = {}
    by_the_clock = first.body["mode"] == LIVE or first.body.get("session_engine") == "broker"
    ends = [one.ts_event for one in facts if one.kind is FactKind.RESUME]
    ends += resumes if by_the_clock else ()
    for fact in facts:
        match fact.kind:
            case FactKind.TRADE:
                if (made := _trade(run_id, fact, rungs, version, model_cost)) is not None:
                    trades.append(made)
            case FactKind.HALT if fact.source != "person":
                halts[f"{run_id}/{fact.id}"] = f"{fact.source}: {fact.body.get('reason', '')}"
                halted[f"{run_id}/{fact.id}"] = (
                    fact.ts_event,
                    min((ts for ts in ends if ts >= fact.ts_event), default=None),
                )
            case FactKind.FILL if fact.body.get("synthetic") or fact.source == "EXTERNAL":
                what = f"{fact.body.get('side')} {fact.body.get('quantity')}"
                external[f"{run_id}/{fact.id}"] = f"{what} {fact.body.get('instrument_id')}"
    return LadderSession(
        run_id=run_id,
        mode=str(first.body["mode"]),
        version=version,
        rung=rungs[0][1],
        counts=is_evidence(first.body),
        trades=trades,
        halts=halts,
        halted=halted,
        by_the_clock=by_the_clock,
        external=external,
        allowed_slippage=_allowed_slippage(first.body.get("config") or {}),
        last=max([first.ts_event, *(fact.ts_event for fact in facts)]),
    )


def _trade(
    run_id: str,
    fact: Fact,
    rungs: Sequence[tuple[int, str, Decimal]],
    version: str,
    model_cost: Decimal,
) -> LadderTrade | None:
    """Return a trade in R of the rung that it was opened on; None where that has no risk."""
    body = fact.body
    opened, slippage = int(body["opened"]), body.get("slippage")
    _, name, risk = [one for one in rungs if one[0] <= opened or one is rungs[0]][-1]
    if risk <= 0:
        return None
    return LadderTrade(
        id=f"{run_id}/{fact.id}",
        version=version,
        rung=name,
        opened=opened,
        closed=int(body["closed"]),
        pnl=Decimal(body["pnl"]),
        cost=Decimal(str(body.get("model_cost", model_cost))),
        risk=risk,
        slippage=None if slippage is None else Decimal(slippage),
    )


def outcomes_of(trades: Sequence[LadderTrade]) -> list[float]:
    """Return outcomes in R, oldest first. Trades of a session held at the same time are one.

    They share the market's move, a gap above all, so their sum is one outcome.
    """
    found: list[float] = []
    session, until = "", 0
    for trade in sorted(trades, key=lambda one: (one.id.partition("/")[0], one.opened, one.closed)):
        run_id = trade.id.partition("/")[0]
        if run_id == session and trade.opened < until:
            found[-1] += trade.outcome
            until = max(until, trade.closed)
        else:
            found.append(trade.outcome)
            session, until = run_id, trade.closed
    return found


def _parity_checks(journal: Journal, firsts: Mapping[str, Fact]) -> dict[str, tuple[Checked, str]]:
    """Return the last parity check of each session, and its run. Ones with other settings, or of
    changed code, say nothing of the session and are left out.
    """
    found: dict[str, tuple[Checked, str]] = {}
    for run_id, first in firsts.items():
        if first.body.get("mode") != PARITY:
            continue
        for fact in journal.facts(run_id, [FactKind.PARITY]):
            body = fact.body
            if body.get("settings") or body.get("code"):
                continue
            unexplained = any(one["kind"] == "unexplained" for one in body.get("causes", []))
            state: Checked = "clean" if body["clean"] else "red" if unexplained else "explained"
            found[str(body["session"])] = (state, run_id)
    return found


def _allowed_slippage(config: Mapping[str, Any]) -> Decimal | None:
    """Return the ticks a trade may lose by slippage in the session's model; None if not known."""
    slippage = config.get("slippage") or {}
    match slippage.get("model"):
        case "ticks":
            return Decimal(2 * int(slippage.get("ticks", 1)))
        case "half_spread":
            return Decimal(int(slippage.get("spread", 1)))
        case "none":
            return Decimal(0)
    return None
