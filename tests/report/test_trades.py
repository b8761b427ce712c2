"""Figures of the closed trades."""

from __future__ import annotations

import pytest

from qe_plugins.report.figures import metrics
from tests.report.fake import frame

MINUTE = 60 * 10**9


def trade(number: int, pnl: float, minutes: int | None = 10) -> tuple:
    opened = number * 100 * MINUTE
    closed = None if minutes is None else opened + minutes * MINUTE
    facts = ("MESH24.XCME", "s", "LONG", 1.0, 4700.0, 4701.0, opened, closed, pnl, 1.14)
    return (f"P-{number}", *facts, 5.0, -5.0, 0.25)


def figures(*rows: tuple) -> dict:
    return metrics.figures(metrics.closed(frame("positions", list(rows))))


def test_winners_and_losers_make_the_rates():
    found = figures(trade(1, 30), trade(2, -10), trade(3, -10), trade(4, 0))
    assert found["win_rate"] == 0.25
    assert found["profit_factor"] == pytest.approx(1.5)
    assert found["expectancy"] == pytest.approx(2.5)
    assert (found["average_win"], found["average_loss"]) == (30, -10)
    assert found["longest_losing_streak"] == 2


def test_an_open_trade_does_not_count():
    assert figures(trade(1, 30), trade(2, 0, None))["trades"] == 1


def test_trades_count_in_the_order_they_closed():
    rows = [trade(1, -1, 500), trade(2, 1), trade(3, -1), trade(4, -1)]
    assert figures(*rows)["longest_losing_streak"] == 3


def test_holding_time_is_in_minutes():
    assert figures(trade(1, 1, 10), trade(2, 1, 20))["average_minutes"] == 15


def test_without_a_loser_there_is_no_profit_factor():
    assert figures(trade(1, 30))["profit_factor"] is None


def test_without_a_trade_there_is_nothing_to_say():
    found = figures()
    assert found.pop("trades") == found.pop("longest_losing_streak") == 0
    assert set(found.values()) == {None}
