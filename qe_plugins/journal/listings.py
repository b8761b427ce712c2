"""The listings of `qe journal`: their kinds of facts and their columns.

A new entry is a new `qe journal NAME`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from qe_plugins.journal.facts import Fact, FactKind


class Listing(msgspec.Struct, frozen=True):
    """A listing: its kinds of facts, its columns, and its description.

    With `own_runs` each fact is a small run of its own, and the listing is of all of them.
    """

    kinds: tuple[FactKind, ...]
    columns: tuple[str, ...]
    about: str
    own_runs: bool = False


PROPOSED = ("instrument_id", "side", "confidence", "entry", "stop", "target", "reason")

VIEWS = {
    "signals": Listing(
        (FactKind.VOTE, FactKind.SIGNAL),
        ("time", "fact", "source", *PROPOSED),
        "Votes of the hunters, and the signals resolved from them.",
    ),
    "sizes": Listing(
        (FactKind.SIZE,),
        ("time", "signal", "source", "contracts", "reason"),
        "Number of contracts for each signal, with the reason.",
    ),
    "vetoes": Listing(
        (FactKind.VETO,),
        (
            *("time", "plugin", "client_order_id", "strategy", "instrument_id", "side"),
            *("quantity", "reason"),
        ),
        "Orders that guardians vetoed, with the plugin and the reason.",
    ),
    "halts": Listing(
        (FactKind.HALT, FactKind.RESUME),
        ("time", "fact", "source", "by", "reason"),
        "Halts and their ends, with who or what set them and why.",
    ),
    "alarms": Listing(
        (FactKind.ALARM,),
        ("time", "severity", "kind", "about", "account", "since", "ended", "text"),
        "Alarms of the watcher: each incident when it begins and when it is over.",
        own_runs=True,
    ),
    "flattens": Listing(
        (FactKind.FLATTEN,),
        ("time", "source", "account", "is_flat", "closed", "cancelled", "left", "problem"),
        "Ways to flat: what was closed and cancelled, and whether it was verified.",
        own_runs=True,
    ),
    "orders": Listing(
        (FactKind.ORDER,),
        (
            *("time", "id", "strategy", "instrument_id", "side", "type", "quantity"),
            *("price", "trigger", "status", "reason"),
        ),
        "Orders sent to the venue, or denied before.",
    ),
    "fills": Listing(
        (FactKind.FILL,),
        (
            *("time", "id", "strategy", "instrument_id", "side", "quantity", "price"),
            *("commission", "currency"),
        ),
        "Executions, with their prices.",
    ),
    "trades": Listing(
        (FactKind.TRADE,),
        (
            *("id", "strategy", "instrument_id", "side", "quantity", "opened", "closed"),
            *("entry", "exit", "pnl", "commissions", "currency"),
        ),
        "Round trips from flat to flat, with their P&L.",
    ),
    "rolls": Listing(
        (FactKind.ROLL,),
        (
            *("time", "strategy", "contracts", "before", "after", "prices", "outcome"),
            *("orders", "reason"),
        ),
        "Positions rolled to the next contract, or closed instead.",
    ),
    "closings": Listing(
        (FactKind.CLOSING,),
        ("time", "source", "strategy", "instrument_id", "reason"),
        "Positions closed by margin breach, expiry or settlement.",
    ),
    "reviews": Listing(
        (FactKind.REVIEW,),
        ("time", "source", "trade", "summary", "facts"),
        "Reviews of closed trades by analysts.",
    ),
    "proposals": Listing(
        (FactKind.PROPOSAL,),
        ("time", "source", "title", "reason", "change"),
        "Proposed changes, for a person to decide.",
    ),
    "failures": Listing(
        (FactKind.FAILURE,),
        ("time", "source", "hook", "count", "where", "error"),
        "Exceptions of plugins: hook, count and line.",
    ),
    "steps": Listing(
        (FactKind.STEP,),
        ("time", "step", "state", "usd", "text"),
        "Steps of a desk's day: hunts, postures, reviews, parity and reports, with their cost.",
    ),
    "trials": Listing(
        (FactKind.TRIAL,),
        ("id", "key", "state", "settings", "figures", "error"),
        "Variants that a sweep tried, with their results.",
    ),
}

TIMES = {"opened", "closed"}

LINE_COLUMNS = {
    FactKind.SNAPSHOT: ("open", "high", "low", "close", "volume"),
    FactKind.WARM_UP: ("bar_type",),
    FactKind.VOTE: ("side", "confidence", "entry", "stop", "target", "reason"),
    FactKind.SIGNAL: ("side", "confidence", "entry", "stop", "target", "reason"),
    FactKind.SIZE: ("contracts", "reason"),
    FactKind.VETO: ("plugin", "reason"),
    FactKind.HALT: ("reason", "by"),
    FactKind.RESUME: ("reason", "by"),
    FactKind.ALARM: ("severity", "kind", "about", "text"),
    FactKind.FLATTEN: ("is_flat", "closed", "problem"),
    FactKind.ORDER: ("side", "quantity", "type", "price", "trigger", "status", "reason"),
    FactKind.OUTCOME: ("status", "reason"),
    FactKind.FILL: ("side", "quantity", "price", "commission"),
    FactKind.TRADE: ("side", "quantity", "entry", "exit", "pnl", "commissions", "currency"),
    FactKind.ROLL: ("contracts", "before", "after", "prices", "outcome", "reason"),
    FactKind.CLOSING: ("reason",),
    FactKind.REVIEW: ("summary", "facts"),
    FactKind.STEP: ("step", "state", "usd", "text"),
}
"""Columns of the one-line form of a fact; the whole body for other kinds."""

UNNAMED = {
    *("side", "quantity", "type", "status", "reason", "plugin", "summary", "currency"),
    *("step", "state", "text"),
}
"""Columns that are shown without their name."""


def cell(fact: Fact, column: str) -> str:
    """Return a fact's column as text, empty where the fact has no value."""
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
    """Return a fact's values as one line: `BUY 1 STOP_MARKET trigger 4740.00 FILLED`."""
    columns = LINE_COLUMNS.get(fact.kind, tuple(fact.body))
    cells = [(column, cell(fact, column)) for column in columns]
    return " ".join(text if name in UNNAMED else f"{name} {text}" for name, text in cells if text)


def bare(fact_id: str) -> str:
    """Return a fact's id without its kind: `order:O-1` is `O-1`."""
    return fact_id.partition(":")[2]


def plain(value: Any) -> str:
    """Return a body's value as text: empty for None, `a=1, b=2` for a mapping."""
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
