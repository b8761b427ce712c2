"""Half days and holidays at the gate: no order trades after an early close."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins.engine.results.result import BacktestResult
from tests.engine import one_root
from tests.engine.one_root import ns

YEAR = 366 * 86_400 * 10**9
CLOSES = [
    ("ES", "2013-11-29", "12:15"),
    ("CL", "2013-11-29", "12:45"),
    ("GC", "2013-11-29", "12:45"),
    ("ZN", "2013-11-29", "12:15"),
    ("ES", "2024-11-29", "12:15"),
    ("CL", "2024-11-29", "13:45"),
    ("GC", "2024-11-29", "13:45"),
    ("ZN", "2024-11-29", "12:15"),
    ("ES", "2024-07-03", "12:15"),
    ("CL", "2024-07-03", "16:00"),  # whole days for these three
    ("GC", "2024-07-03", "16:00"),
    ("ZN", "2024-07-03", "16:00"),
    ("ES", "2013-11-28", "10:30"),  # Thanksgiving itself
    ("ES", "2024-12-24", "12:15"),
]

Desk = Callable[..., BacktestResult]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a function that buys one contract of a root at every bar; bars end at given times."""

    def trade(root: str, *times: str, trader: str = "BuysAtEveryBar") -> BacktestResult:
        refuse = {"session": {"when_closed": "refuse"}}
        ends = ns(times[-1]) + YEAR
        return one_root.trade(tmp_path, f"{root}H30", ends, times, trader, **refuse)

    return trade


def minute_before(day: str, close: str) -> str:
    hour, minute = divmod(60 * int(close[:2]) + int(close[3:]) - 1, 60)
    return f"{day} {hour:02}:{minute:02}"


@pytest.mark.parametrize(("root", "day", "close"), CLOSES)
def test_an_order_at_the_early_close_is_refused_and_a_minute_before_it_is_filled(
    desk: Desk, root: str, day: str, close: str
) -> None:
    orders = desk(root, minute_before(day, close), f"{day} {close}", f"{day} 17:01").orders
    assert orders["status"].to_list()[:2] == ["FILLED", "DENIED"]
    assert orders["reason"][1].startswith("session: the market is closed until 20")


@pytest.mark.parametrize(("root", "day", "close"), CLOSES)
def test_a_bar_inside_the_closed_hours_opens_nothing(
    desk: Desk, root: str, day: str, close: str
) -> None:
    """Some vendors fill holes with bars in which nothing traded."""
    [status] = desk(root, f"{day} 16:37").orders["status"]
    assert status == "DENIED"


def test_the_reason_says_when_it_opens_again(desk: Desk) -> None:
    [friday] = desk("ES", "2024-11-29 12:15").orders["reason"]
    assert friday == "session: the market is closed until 2024-12-01 17:00 in Chicago"


@pytest.mark.parametrize("root", ["ES", "CL", "GC", "ZN"])
def test_an_order_in_the_maintenance_break_is_refused(desk: Desk, root: str) -> None:
    times = ("2024-07-10 15:59", "2024-07-10 16:00", "2024-07-10 16:30", "2024-07-10 17:01")
    assert desk(root, *times).orders["status"].to_list() == ["FILLED", "DENIED", "DENIED", "FILLED"]


def test_an_order_on_good_friday_is_refused(desk: Desk) -> None:
    [reason] = desk("ES", "2024-03-29 10:03").orders["reason"]
    assert reason == "session: the market is closed until 2024-03-31 17:00 in Chicago"


def test_the_halt_of_the_afternoon_closes_the_market_too(desk: Desk) -> None:
    times = ("2013-10-09 15:14", "2013-10-09 15:15", "2013-10-09 15:31")
    assert desk("ES", *times).orders["status"].to_list() == ["FILLED", "DENIED", "FILLED"]


def test_a_day_of_which_no_sessions_are_known_is_open(desk: Desk) -> None:
    assert desk("ES", "2009-07-04 16:30").orders["status"].to_list() == ["FILLED"]
