"""Differences in words: what differs, of which contract, and when (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from qe_plugins.research.parity.comparison import ParityDifference

SHOWN = 4
TIMES = ("time", "opened", "closed")


def bar_words(one: ParityDifference) -> str:
    """Return `bar ESZ13 2013-10-02 14:31 differs: close 1687.25 here, 1687.50 in the data`."""
    item = one.item
    what = f"bar {short(item.contract)} {utc(item.ts)}"
    if one.then is None:
        return f"{what} was not received; the data has it"
    if one.now is None:
        return f"{what} was received; the data does not have it"
    fields = ", ".join(
        f"{name} {then} here, {now} in the data" for name, (then, now) in one.fields.items()
    )
    return f"{what} differs: {fields}"


def difference_words(one: ParityDifference) -> str:
    """Return one line: `fill BUY 1 ESZ13 2013-10-02 14:32 (ema_cross): only in the backtest`."""
    item = one.item
    if item.kind == "bar":
        return bar_words(one)
    parts = [item.kind, item.label, short(item.contract), utc(one.ts), f"({item.source})"]
    return f"{' '.join(part for part in parts if part)}: {_what(one)}"


def short(contract: str) -> str:
    """Return a contract without its venue."""
    return contract.partition(".")[0]


def utc(ts: int) -> str:
    """Return a time (UTC ns) as `2013-10-02 14:31`, with seconds where there are some."""
    text = f"{datetime.fromtimestamp(ts // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"
    return text.removesuffix(":00")


def _what(one: ParityDifference) -> str:
    if one.now is None:
        return f"only in the session{_why(one)}"
    if one.then is None:
        return f"only in the backtest{_why(one)}"
    shown = list(one.fields.items())[:SHOWN]
    return ", ".join(
        f"{name} {_text(name, then)} in the session, {_text(name, now)} in the backtest"
        for name, (then, now) in shown
    )


def _why(one: ParityDifference) -> str:
    reason = one.item.values.get("reason")
    return f", {reason}" if one.item.kind == "veto" else ""


def _text(name: str, value: Any) -> str:
    if value is None:
        return "none"
    return utc(value) if name in TIMES and isinstance(value, int) else str(value)
