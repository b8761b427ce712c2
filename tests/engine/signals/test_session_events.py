"""A session ends at 17:00 in Chicago all year; plugins are notified once, with its trades."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Bar, BarType, Price, Quantity

from qe_plugins.engine.signals.session_events import (
    CHICAGO,
    SessionCloseDetector,
    evening,
    session_end,
)
from qe_plugins.plugins.types import Side, Trade


def at(text: str) -> int:
    """Return UTC nanoseconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("bar", "end"),
    [
        ("2024-01-03 15:00", "2024-01-03 23:00"),  # winter: 17:00 in Chicago is 23:00 UTC
        ("2024-01-03 23:00", "2024-01-03 23:00"),  # a bar that closes at the end belongs to it
        ("2024-01-03 23:01", "2024-01-04 23:00"),
        ("2024-07-03 15:00", "2024-07-03 22:00"),  # summer
        ("2024-07-03 22:01", "2024-07-04 22:00"),
        ("2024-03-08 22:59", "2024-03-08 23:00"),  # the Friday before clocks go forward
        ("2024-03-10 22:01", "2024-03-11 22:00"),  # the Sunday on which they did
        ("2024-03-10 21:59", "2024-03-10 22:00"),
        ("2024-11-01 21:59", "2024-11-01 22:00"),  # the Friday before clocks go back
        ("2024-11-03 23:01", "2024-11-04 23:00"),  # the Sunday on which they did
    ],
)
def test_the_session_of_a_bar_ends_at_17_in_chicago(bar: str, end: str) -> None:
    assert session_end(at(bar)).astimezone(UTC) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@given(st.integers(at("2010-01-01 00:00") // 10**9, at("2030-01-01 00:00") // 10**9))
def test_every_moment_is_in_one_session_of_about_a_day(seconds: int) -> None:
    moment, end = datetime.fromtimestamp(seconds, UTC), session_end(seconds * 10**9)
    assert end.tzinfo is CHICAGO
    assert (end.hour, end.minute, end.second, end.microsecond) == (17, 0, 0, 0)
    assert timedelta(0) <= end.astimezone(UTC) - moment < timedelta(hours=25)


class Context:
    """As much of a RunContext as the session close detector uses."""

    def __init__(self, wanted: bool = True) -> None:
        self.observers = self.recorder = self.trade_booker = self
        self.wanted, self.trades, self.told = wanted, [], []

    def wants(self, hook: str) -> bool:
        return self.wanted

    def notify(self, hook: str, ts: int, *, session: str, trades: list[Trade]) -> None:
        self.told.append((session, [trade.id for trade in trades], ts))

    def book_until(self, until: int) -> None:
        """There is nothing to book."""

    def session_trades(self) -> list[Trade]:
        found, self.trades = self.trades, []
        return found


def trade(number: int) -> Trade:
    return Trade(
        id=f"T-{number}",
        instrument_id="ESZ13.XCME",
        strategy="a",
        side=Side.LONG,
        quantity=Decimal(1),
        entry=Decimal(1),
        exit=Decimal(1),
        opened=1,
        closed=1,
        pnl=Decimal(0),
        commissions=Decimal(0),
        currency="USD",
        orders=(),
    )


def closing(text: str, kind: str) -> Bar:
    """Return a bar of a day or a minute that closes at a time in UTC."""
    price, ts = Price.from_str("4750.00"), at(text)
    bars = BarType.from_str(f"MESH24.XCME-1-{kind}-LAST-EXTERNAL")
    return Bar(bars, price, price, price, price, Quantity.from_int(1), ts, ts)


@pytest.fixture
def told() -> Callable[..., Any]:
    """Return a function that plays bars, trades at some, and returns the calls of the hook."""

    def run(
        bars: list[str],
        trades: dict[str, int] | None = None,
        *,
        wanted: bool = True,
        kind: str = "MINUTE",
    ) -> Any:
        context: Any = Context(wanted)
        detector = SessionCloseDetector(context)
        for bar in bars:
            detector.on_bar(closing(bar, kind))
            context.trades += [
                trade(number) for when, number in (trades or {}).items() if when == bar
            ]
        detector.close()
        return context.told

    return run


def test_each_session_is_closed_once_with_its_own_trades(told: Callable) -> None:
    bars = ["2024-03-08 15:00", "2024-03-08 22:30", "2024-03-10 22:01", "2024-03-11 22:30"]
    trades = {"2024-03-08 15:00": 1, "2024-03-08 22:30": 2, "2024-03-11 22:30": 3}
    assert told(bars, trades) == [
        ("2024-03-08", ["T-1", "T-2"], at("2024-03-08 22:30")),
        ("2024-03-11", [], at("2024-03-10 22:01")),
        ("2024-03-12", ["T-3"], at("2024-03-11 22:30")),
    ]


def test_sessions_go_on_over_the_end_of_summer(told: Callable) -> None:
    bars = ["2024-11-01 20:59", "2024-11-03 23:01", "2024-11-04 22:30", "2024-11-04 23:01"]
    assert [session for session, *_ in told(bars)] == ["2024-11-01", "2024-11-04", "2024-11-05"]


def test_two_contracts_with_the_same_minutes_share_a_session(told: Callable) -> None:
    bars = ["2024-01-03 15:00", "2024-01-03 15:00", "2024-01-03 23:01", "2024-01-03 23:01"]
    assert [session for session, *_ in told(bars)] == ["2024-01-03", "2024-01-04"]


def test_a_daily_bar_is_the_session_of_its_day(told: Callable) -> None:
    """Databento's closes at midnight in UTC: Friday's on Saturday, two hours after the market."""
    bars = ["2024-05-31 00:00", "2024-06-01 00:00", "2024-06-03 00:00", "2024-06-04 00:00"]
    sessions = [session for session, *_ in told(bars, kind="DAY")]
    assert sessions == ["2024-05-30", "2024-05-31", "2024-06-03"]


def test_a_tape_without_bars_has_no_session(told: Callable) -> None:
    assert told([]) == []


def test_nothing_happens_where_no_plugin_has_the_hook(told: Callable) -> None:
    assert told(["2024-01-03 15:00", "2024-01-03 23:01"], wanted=False) == []


@pytest.mark.parametrize(
    ("now", "bell"),
    [
        ("2024-01-03 15:00", "2024-01-03 23:00"),
        ("2024-01-03 23:00", "2024-01-04 23:00"),  # the next one, not the one that rings
        ("2024-01-04 23:00", "2024-01-07 23:00"),  # Friday's and Saturday's evenings open nothing
        ("2024-03-07 23:00", "2024-03-10 22:00"),  # clocks went forward that Sunday
    ],
)
def test_a_bell_rings_at_17_before_every_weekday(now: str, bell: str) -> None:
    assert evening(at(now)).astimezone(UTC) == datetime.fromisoformat(bell).replace(tzinfo=UTC)
