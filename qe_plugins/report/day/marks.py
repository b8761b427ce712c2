"""The chart of a day: bars of the decisions, entries, exits, stops and vetoes of one contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qe_plugins.journal.facts import FactKind, RunFact
from qe_plugins.journal.store import Journal
from qe_plugins.report.day.records import DayMark

MOST = 20_000
"""Bars that are read."""


def chart_marks(
    journal: Journal | None,
    by_kind: Mapping[FactKind, Sequence[RunFact]],
    since_ns: int,
    until_ns: int,
) -> list[DayMark]:
    """Return the chart of the first contract that was traded or vetoed."""
    traded = [*by_kind[FactKind.TRADE], *by_kind[FactKind.FILL], *by_kind[FactKind.VETO]]
    if journal is None or not traded:
        return []
    instrument, run = str(traded[0].fact.body.get("instrument_id", "")), traded[0].run_id
    marks = [
        DayMark(kind="bar", at=one.fact.ts_event, price=float(one.fact.body["close"]))
        for one in journal.page(
            kinds=[FactKind.SNAPSHOT],
            run=run,
            since_ns=since_ns,
            until_ns=until_ns,
            limit=MOST,
        )
        if one.fact.source == instrument and "close" in one.fact.body
    ]
    for one in by_kind[FactKind.TRADE]:
        body = one.fact.body
        if body.get("instrument_id") == instrument:
            marks.append(DayMark(kind="entry", at=int(body["opened"]), price=float(body["entry"])))
            marks.append(DayMark(kind="exit", at=int(body["closed"]), price=float(body["exit"])))
    for one in by_kind[FactKind.ORDER]:
        body = one.fact.body
        if (
            body.get("instrument_id") == instrument
            and body.get("trigger")
            and body.get("status") != "DENIED"
        ):
            ends = [m.at for m in marks if m.kind == "exit" and m.at >= one.fact.ts_event]
            until = min(ends, default=until_ns)
            price = float(body["trigger"])
            marks.append(DayMark(kind="stop", at=one.fact.ts_event, price=price, until=until))
    prices = [(m.at, m.price) for m in marks if m.kind != "stop"]
    for one in by_kind[FactKind.VETO]:
        if one.fact.body.get("instrument_id") == instrument and prices:
            near = min(prices, key=lambda pair: abs(pair[0] - one.fact.ts_event))
            marks.append(DayMark(kind="veto", at=one.fact.ts_event, price=near[1]))
    return sorted(marks, key=lambda one: (one.at, one.kind))
