"""Which facts a trader asks for by which word, and which of their fields make the columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from qe_plugins.journal.facts import Fact, FactKind


class Listing(msgspec.Struct, frozen=True):
    """A listing: these kinds of facts, with these columns."""

    kinds: tuple[FactKind, ...]
    columns: tuple[str, ...]
    about: str


WISH = ("instrument_id", "side", "confidence", "entry", "stop", "target", "reason")

VIEWS = {
    "signals": Listing(
        (FactKind.VOTE, FactKind.SIGNAL),
        ("time", "fact", "source", *WISH),
        "What the hunters voted for, and the signals that came of it.",
    ),
    "sizes": Listing(
        (FactKind.SIZE,),
        ("time", "signal", "source", "contracts", "reason"),
        "How many contracts each signal was worth, and why none.",
    ),
    "vetoes": Listing(
        (FactKind.VETO,),
        (
            *("time", "plugin", "client_order_id", "strategy", "instrument_id", "side"),
            *("quantity", "reason"),
        ),
        "Which orders were refused, by whom and why.",
    ),
    "orders": Listing(
        (FactKind.ORDER,),
        (
            *("time", "id", "strategy", "instrument_id", "side", "type", "quantity"),
            *("price", "trigger", "status", "reason"),
        ),
        "What was sent to the venue, or denied on the way.",
    ),
    "fills": Listing(
        (FactKind.FILL,),
        (
            *("time", "id", "strategy", "instrument_id", "side", "quantity", "price"),
            *("commission", "currency"),
        ),
        "What was bought and sold, at which price.",
    ),
    "trades": Listing(
        (FactKind.TRADE,),
        (
            *("id", "strategy", "instrument_id", "side", "quantity", "opened", "closed"),
            *("entry", "exit", "pnl", "commissions", "currency"),
        ),
        "Positions from flat to flat, with their result.",
    ),
    "rolls": Listing(
        (FactKind.ROLL,),
        (
            *("time", "strategy", "contracts", "before", "after", "prices", "outcome"),
            *("orders", "reason"),
        ),
        "Positions that were moved to the next contract, or closed instead, and why.",
    ),
    "closings": Listing(
        (FactKind.CLOSING,),
        ("time", "source", "strategy", "instrument_id", "reason"),
        "What the house closed: margin breaches, expiries, settlements.",
    ),
    "reviews": Listing(
        (FactKind.REVIEW,),
        ("time", "source", "trade", "summary", "facts"),
        "What the analysts said of the closed trades.",
    ),
    "proposals": Listing(
        (FactKind.PROPOSAL,),
        ("time", "source", "title", "reason", "change"),
        "What somebody proposed for a person to decide.",
    ),
    "failures": Listing(
        (FactKind.FAILURE,),
        ("time", "source", "hook", "count", "where", "error"),
        "Which plugins raised, in which hook, how often and at which line.",
    ),
    "trials": Listing(
        (FactKind.TRIAL,),
        ("id", "key", "state", "settings", "figures", "error"),
        "Which variants a sweep tried, and what came of each.",
    ),
}

TIMES = {"opened", "closed"}

SAID = {
    FactKind.SNAPSHOT: ("open", "high", "low", "close", "volume"),
    FactKind.VOTE: ("side", "confidence", "entry", "stop", "target", "reason"),
    FactKind.SIGNAL: ("side", "confidence", "entry", "stop", "target", "reason"),
    FactKind.SIZE: ("contracts", "reason"),
    FactKind.VETO: ("plugin", "reason"),
    FactKind.ORDER: ("side", "quantity", "type", "price", "trigger", "status", "reason"),
    FactKind.FILL: ("side", "quantity", "price", "commission"),
    FactKind.TRADE: ("side", "quantity", "entry", "exit", "pnl", "commissions", "currency"),
    FactKind.ROLL: ("contracts", "before", "after", "prices", "outcome", "reason"),
    FactKind.CLOSING: ("reason",),
    FactKind.REVIEW: ("summary", "facts"),
}
"""What one line says of a fact; all of its body where its kind is not here."""

UNNAMED = {"side", "quantity", "type", "status", "reason", "plugin", "summary", "currency"}
"""What a reader knows without its name."""


def cell(fact: Fact, column: str) -> str:
    """Return a fact's column as text; empty where the fact says nothing."""
    match column:
        case "time":
            return utc(fact.ts_event)
        case "fact":
            return fact.id
        case "source":
            return fact.source
        case "id":
            return bare(fact.id)
        case "trade":
            return bare(fact.cause or "")
        case "signal":
            return fact.cause or ""
        case "strategy":
            whose = "" if fact.kind is FactKind.CLOSING else fact.source
            return plain(fact.body.get("strategy", whose))
    value = fact.body.get(column)
    return utc(value) if column in TIMES and isinstance(value, int) else plain(value)


def line(fact: Fact) -> str:
    """Return what a fact says, as one line: `BUY 1 STOP_MARKET trigger 4740.00 FILLED`."""
    columns = SAID.get(fact.kind, tuple(fact.body))
    told = [(column, cell(fact, column)) for column in columns]
    return " ".join(text if name in UNNAMED else f"{name} {text}" for name, text in told if text)


def bare(fact_id: str) -> str:
    """Return a fact's id without its kind: `order:O-1` is `O-1`."""
    return fact_id.partition(":")[2]


def plain(value: Any) -> str:
    """Return a body's value as a reader wants it: nothing for None, `a=1, b=2` for a mapping."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(plain(part) for part in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def utc(nanoseconds: int) -> str:
    """Return UTC nanoseconds as `2024-01-02 14:31:00`, with a fraction where there is one."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0") if rest else text
