"""A session day as a record: its sentence, trades, refusals, costs, and what needs a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import ReportError
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.facts import FactKind, RunFact
from qe_plugins.journal.listings import line
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.market import sessions
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.roll_calendar import next_deadline
from qe_plugins.market.specs import markets
from qe_plugins.mission import board, desk
from qe_plugins.mission.rules import DAY_ENDS, trading_day
from qe_plugins.report.day.marks import chart_marks
from qe_plugins.report.day.records import (
    DayEvent,
    DayLine,
    DayNeed,
    DayRefusal,
    DayReport,
    DayTrade,
)
from qe_plugins.wall_clock import nanoseconds

KINDS = (
    *(FactKind.ORDER, FactKind.FILL, FactKind.TRADE, FactKind.VETO, FactKind.VOTE),
    *(FactKind.SIGNAL, FactKind.HALT, FactKind.RESUME, FactKind.CLOSING, FactKind.ROLL),
    *(FactKind.PROPOSAL, FactKind.FAILURE, FactKind.ALARM, FactKind.STEP),
)
SESSIONS = ("paper", "live")
MOST = 20_000
"""Facts of a day that are read."""

SHOWN = 12
"""Lines of a list; the rest is counted."""

NEEDS = 3


def day_of(text: str | None, now: datetime) -> date:
    """Return the day that a person means: a date, `today` or nothing, or `yesterday`.

    Raises ReportError for other text.
    """
    today = trading_day(int(now.timestamp()) * 1_000_000_000)
    if text in (None, "today"):
        return today
    if text == "yesterday":
        before = today - timedelta(days=1)
        return before - timedelta(days=max(before.weekday() - 4, 0))
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        hint = "Write it as 2024-01-03, today or yesterday."
        raise ReportError(f"'{str(text)[:40]}' is no day.", where="report", hint=hint) from None


def window(day: date) -> tuple[datetime, datetime]:
    """Return when a trading day begins and ends, in UTC."""
    begin, end = (
        datetime.combine(one, DAY_ENDS, CHICAGO) for one in (day - timedelta(days=1), day)
    )
    return begin.astimezone(UTC), end.astimezone(UTC)


def day_report(
    day: date,
    now: datetime,
    journal: Journal | None,
    activity: ActivityJournal | None = None,
    run: str | None = None,
) -> DayReport:
    """Return the report of a day: of its paper and live sessions, or of one run.

    Raises JournalError where the journal cannot be read.
    """
    begin, end = window(day)
    facts = _facts(journal, begin, end, run)
    runs = sorted({one.run_id for one in facts if one.fact.kind is not FactKind.STEP})
    by_kind: dict[FactKind, list[RunFact]] = defaultdict(list)
    for one in facts:
        by_kind[one.fact.kind].append(one)
    trades = [_trade(one) for one in by_kind[FactKind.TRADE]]
    net: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in trades:
        net[trade.currency] += trade.pnl
    held = _held(journal, runs, end)
    steps = _ended_steps(by_kind[FactKind.STEP])
    hunts = _count(steps, "hunt:", "done")
    calls, usd = _model_costs(day)
    usd = max(usd, sum((Decimal(str(one["usd"])) for one in steps), Decimal(0)))
    parity = _parity(journal, runs)
    needs = _needs(day, now, journal, activity)
    decisions = [_line(one) for one in by_kind[FactKind.SIGNAL]]
    disagreements = _disagreements(by_kind[FactKind.VOTE])
    other = [
        _line(one)
        for kind in (FactKind.HALT, FactKind.RESUME, FactKind.CLOSING, FactKind.ROLL)
        for one in by_kind[kind]
    ]
    other += [_line(one) for one in (*by_kind[FactKind.PROPOSAL], *by_kind[FactKind.FAILURE])]
    other += [_line(one) for one in by_kind[FactKind.ALARM]]
    other.sort(key=lambda one: one.at)
    whole: dict[str, Sequence[object]] = {
        "trades": trades,
        "decisions": decisions,
        "disagreements": disagreements,
    }
    return DayReport(
        day=day,
        begin=begin,
        end=end,
        sentence=_findings(steps, hunts, by_kind[FactKind.SIGNAL])
        + _sentence(runs, trades, net, held, parity, usd),
        runs=runs,
        trades=trades[-SHOWN:],
        net=dict(net),
        open=held,
        parity=parity,
        decisions=decisions[-SHOWN:],
        refusals=_refusals(by_kind[FactKind.VETO]),
        disagreements=disagreements[-SHOWN:],
        events=other[-SHOWN:],
        model_usd=usd,
        model_calls=calls,
        needs=needs,
        next=_next(end, {*held, *(one.instrument for one in trades)}),
        left_out={name: len(rows) - SHOWN for name, rows in whole.items() if len(rows) > SHOWN},
        marks=chart_marks(journal, by_kind, nanoseconds(begin), nanoseconds(end)),
        hunts=hunts if steps else None,
        failed=_count(steps, "", "failed") if steps else None,
    )


def _facts(
    journal: Journal | None, begin: datetime, end: datetime, run: str | None
) -> list[RunFact]:
    if journal is None:
        return []
    found = journal.page(
        kinds=None if run else KINDS,
        run=run,
        since_ns=nanoseconds(begin),
        until_ns=nanoseconds(end),
        limit=MOST,
    )
    if run:
        return [one for one in found if one.fact.kind in KINDS]
    names = {one.run_id for one in found}
    of_sessions = {name for name in names if _mode(journal, name) in SESSIONS}
    loose = (FactKind.HALT, FactKind.RESUME, FactKind.ALARM, FactKind.STEP)
    return [one for one in found if one.run_id in of_sessions or one.fact.kind in loose]


def _ended_steps(facts: Iterable[RunFact]) -> list[dict[str, Any]]:
    """Return the outcomes of a desk's steps: the bodies of their facts, which have a cost."""
    return [one.fact.body for one in facts if "usd" in one.fact.body]


def _count(steps: Iterable[dict[str, Any]], begin: str, state: str) -> int:
    return sum(one["step"].startswith(begin) and one["state"] == state for one in steps)


def _findings(steps: Sequence[object], hunts: int, signals: Sequence[object]) -> str:
    """Return the page's first words beside a desk: what its hunts found, or that it was nothing."""
    if not steps:
        return ""
    looked = {0: "no hunt ended", 1: "one hunt"}.get(hunts, f"{hunts:,} hunts")
    if not signals:
        return f"Nothing was found: {looked}, no signal. "
    found = "one signal" if len(signals) == 1 else f"{len(signals):,} signals"
    return f"{looked[0].upper()}{looked[1:]}, {found}. "


def _mode(journal: Journal, run_id: str) -> str:
    first = journal.page(run=run_id, limit=1)
    return str(first[0].fact.body.get("mode", "")) if first else ""


def _trade(one: RunFact) -> DayTrade:
    body = one.fact.body
    return DayTrade(
        run_id=one.run_id,
        trade=one.fact.id.removeprefix("trade:"),
        strategy=str(body.get("strategy", one.fact.source)),
        instrument=str(body.get("instrument_id", "")),
        side=str(body.get("side", "")),
        quantity=str(body.get("quantity", "")),
        opened=int(body.get("opened", one.fact.ts_event)),
        closed=int(body.get("closed", one.fact.ts_event)),
        entry=str(body.get("entry", "")),
        exit=str(body.get("exit", "")),
        pnl=Decimal(str(body.get("pnl", "0"))),
        currency=str(body.get("currency", "")),
    )


def _held(journal: Journal | None, runs: Sequence[str], end: datetime) -> dict[str, Decimal]:
    """Return the net contracts of the runs' fills up to the end of the day."""
    net: defaultdict[str, Decimal] = defaultdict(Decimal)
    for run in runs if journal else ():
        assert journal is not None
        for one in journal.page(
            kinds=[FactKind.FILL], run=run, until_ns=nanoseconds(end), limit=1_000_000
        ):
            body = one.fact.body
            sign = 1 if body.get("side") == "BUY" else -1
            net[str(body.get("instrument_id"))] += sign * Decimal(str(body.get("quantity", 0)))
    return {name: count for name, count in sorted(net.items()) if count}


def _sentence(
    runs: Sequence[str],
    trades: Sequence[DayTrade],
    net: dict[str, Decimal],
    held: dict[str, Decimal],
    parity: str | None,
    usd: Decimal,
) -> str:
    if not runs:
        return "No session traded."
    count = {0: "No trade", 1: "One trade", 2: "Two trades", 3: "Three trades"}
    said = count.get(len(trades), f"{len(trades):,} trades")
    money = ", ".join(f"{amount:+,.2f} {currency}" for currency, amount in sorted(net.items()))
    first = f"{said}, {money}" if money else said
    if usd:
        first += f", and {usd:,.2f} USD of models"
    position = ", ".join(
        f"{abs(count):f} {name} {'long' if count > 0 else 'short'}" for name, count in held.items()
    )
    parts = [first, f"open at the end: {position}" if held else "nothing is open"]
    parts.append(f"parity {parity}" if parity else "parity was not checked")
    return "; ".join(parts) + "."


def _refusals(vetoes: Iterable[RunFact]) -> list[DayRefusal]:
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    for one in vetoes:
        plugin = str(one.fact.body.get("plugin", one.fact.source))
        counts[plugin] += 1
        last[plugin] = str(one.fact.body.get("reason", ""))
    return [
        DayRefusal(plugin=plugin, count=count, last=last[plugin])
        for plugin, count in counts.most_common()
    ]


def _disagreements(votes: Iterable[RunFact]) -> list[DayLine]:
    """Return the moments at which plugins voted for both sides of a contract."""
    moments: defaultdict[tuple[str, int, str], list[RunFact]] = defaultdict(list)
    for one in votes:
        instrument = str(one.fact.body.get("instrument_id", ""))
        moments[one.run_id, one.fact.ts_event, instrument].append(one)
    found = []
    for (_, at, instrument), group in moments.items():
        sides = {str(one.fact.body.get("side")) for one in group}
        if {"LONG", "SHORT"} <= sides:
            text = ", ".join(f"{one.fact.source} {one.fact.body.get('side')}" for one in group)
            found.append(DayLine(at=at, source=instrument, text=text))
    return sorted(found, key=lambda one: one.at)


def _line(one: RunFact) -> DayLine:
    return DayLine(at=one.fact.ts_event, source=one.fact.source, text=line(one.fact))


def _parity(journal: Journal | None, runs: Sequence[str]) -> str | None:
    if journal is None or not runs:
        return None
    clean: dict[str, bool] = {}
    for one in journal.page(kinds=[FactKind.PARITY], limit=200, newest_first=True):
        session = str(one.fact.body.get("session", ""))
        if session in runs:
            clean.setdefault(session, bool(one.fact.body.get("clean", False)))
    if not clean:
        return None
    return "clean" if all(clean.values()) else "red"


def _model_costs(day: date) -> tuple[int, Decimal]:
    known = state_dir.ledger_url() or (state_dir.state_dir() / "ledger.sqlite").exists()
    if not known:
        return 0, Decimal(0)
    with Ledger() as ledger:
        rows = [row for row in ledger.costs("day") if row.group == day.isoformat()]
    return sum(row.calls for row in rows), sum((row.usd for row in rows), Decimal(0))


def _needs(
    day: date, now: datetime, journal: Journal | None, activity: ActivityJournal | None
) -> list[DayNeed]:
    at_ns = nanoseconds(now)
    if day != trading_day(at_ns):
        return []
    found = board.board(activity, desk.asked_of_a_person(journal, now), at_ns)
    rows = [found.now, *found.next] if found.now else []
    return [
        DayNeed(title=row.title, why=row.why, href=row.href)
        for row in rows[:NEEDS]
        if row is not None
    ]


def _next(end: datetime, instruments: Iterable[str]) -> list[DayEvent]:
    """Return the next session of the equity indices, the gateway's approval, and rolls.

    Rolls are of the roots that were traded or are held, by default ES, with their reason.
    """
    opens = sessions.next_session("ES", end).open
    events = [
        DayEvent(name="session of ES opens", at=opens),
        DayEvent(
            name="approve the gateway, before the week's first session",
            at=desk.next_approval(end),
        ),
    ]
    names = (one.partition(".")[0] for one in instruments)
    roots = {key.root for name in names if (key := dated_key(name, end.date()))} or {"ES"}
    events += [_roll(root, end) for root in sorted(roots & markets().roots.keys())]
    return sorted(
        (msgspec.structs.replace(one, at=one.at.astimezone(UTC)) for one in events),
        key=lambda one: one.at,
    )


def _roll(root: str, end: datetime) -> DayEvent:
    roll = next_deadline(root, end.date() + timedelta(days=1))
    before, after = (one.partition(".")[0] for one in (roll.before, roll.after))
    session = sessions.next_session(root, datetime.combine(roll.known, DAY_ENDS, CHICAGO))
    return DayEvent(
        name=f"{before} is rolled to {after} at the latest, {roll.reason}", at=session.open
    )
