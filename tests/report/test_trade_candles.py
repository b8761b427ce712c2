"""A zoomed chart has the bars of the run around each trade, and its stop and target."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import polars as pl
import pytest

from qe_plugins.report import price_chart, trade_candles
from qe_plugins.report.figures import prices
from tests.report.fake import busy, contract, frame

MES, S = "MESH24.XCME", "follower"
MINUTE = 60 * 10**9
NAMES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return busy(tmp_path_factory.mktemp("catalog"), sessions=12, trades=40)


def decoded(packed: dict) -> pl.DataFrame:
    """Return what the page makes of the differences, as `decoded` of candles.js."""
    rows, x, last = [], 0, 0
    for step, open_, high, low, close in zip(
        *(packed[name] for name in ("x", *NAMES)), strict=True
    ):
        x, opened = x + step * packed["unit"], last + open_
        last = opened + close
        whole = (opened, max(opened, last) + high, min(opened, last) - low, last)
        rows.append((x, *(round(one * packed["point"], 9) for one in whole)))
    return pl.DataFrame(rows, schema=["x", *NAMES], orient="row")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_candles_around_trades_are_the_bars_of_the_run(outcome):
    packed = trade_candles.around_trades(outcome, [contract(MES)])[MES]
    opened, closed = outcome.positions.filter(pl.col("instrument_id") == MES).select(
        pl.col("opened", "closed").cast(pl.Int64)
    )[0]
    window = (opened.item() - 30 * MINUTE, closed.item() + 30 * MINUTE)
    own = prices.merged(outcome, MES, [window], 1).select(NAMES)
    assert packed["width"] == 60_000
    assert decoded(packed).select(NAMES).head(own.height).equals(own)


def test_candles_are_only_around_trades(outcome):
    packed = trade_candles.around_trades(outcome, [contract(MES)])[MES]
    held = outcome.positions.filter(pl.col("instrument_id") == MES)
    minutes = (held["closed"] - held["opened"]).dt.total_minutes().sum()
    assert len(packed["x"]) <= minutes + 61 * held.height


def test_many_trades_have_wider_candles_in_the_same_size(outcome, monkeypatch):
    monkeypatch.setattr(trade_candles, "MOST_CANDLES", 1_000)
    both = trade_candles.around_trades(outcome, outcome.data.contracts)
    assert sum(len(packed["x"]) for packed in both.values()) <= 1_000 + 2 * 40
    (width,) = {packed["width"] for packed in both.values()}
    assert width > 60_000


def test_a_candle_takes_about_ten_bytes(outcome):
    packed = trade_candles.around_trades(outcome, [contract(MES)])[MES]
    assert len(json.dumps(packed, separators=(",", ":"))) < 13 * len(packed["x"])


def test_a_merged_bar_ends_with_the_bar_that_closes_on_its_edge(outcome):
    start = at("2024-01-03T15:00:00")
    (first, second) = prices.merged(
        outcome, MES, [(start + MINUTE, start + 10 * MINUTE)], 5 * MINUTE
    ).iter_rows(named=True)
    assert [one["ts"].strftime("%H:%M") for one in (first, second)] == ["15:05", "15:10"]


def order(ts: str, side: str, kind: str, price: float, status: str = "CANCELED") -> tuple:
    trigger = price if kind == "STOP_MARKET" else None
    limit = price if kind == "LIMIT" else None
    return (at(ts), "O", S, MES, side, kind, 1.0, limit, trigger, status)


def position(side: str, opened: str, closed: str | None) -> tuple:
    until = closed and at(closed)
    return ("P", MES, S, side, 1.0, 4700.0, closed and 4710.0, at(opened), until, closed and 50.0)


def levels(positions: list[tuple], orders: list[tuple]) -> list[tuple]:
    shown = trade_candles.with_levels(frame("positions", positions), frame("orders", orders))
    return shown.select("stop", "target").rows()


def test_a_trade_has_the_stop_and_the_target_that_closed_or_waited():
    long = position("LONG", "2024-01-03T15:00", "2024-01-03T15:30")
    short = position("SHORT", "2024-01-03T16:00", "2024-01-03T16:30")
    worked = [
        order("2024-01-03T15:00", "SELL", "STOP_MARKET", 4690.0),
        order("2024-01-03T15:00", "SELL", "LIMIT", 4710.0, "FILLED"),
        order("2024-01-03T16:00", "BUY", "STOP_MARKET", 4705.0, "FILLED"),
    ]
    assert levels([long, short], worked) == [(4690.0, 4710.0), (4705.0, None)]


def test_a_trade_has_no_stop_of_the_trade_before_it_and_none_that_was_denied():
    first = position("LONG", "2024-01-03T15:00", "2024-01-03T15:30")
    second = position("LONG", "2024-01-03T16:00", None)
    worked = [
        order("2024-01-03T15:00", "SELL", "STOP_MARKET", 4690.0),
        order("2024-01-03T16:00", "SELL", "STOP_MARKET", 4680.0, "DENIED"),
    ]
    assert levels([first, second], worked) == [(4690.0, None), (None, None)]


def test_a_run_without_orders_has_no_levels(outcome):
    bare = dataclasses.replace(outcome, orders=outcome.orders.clear())
    (chart,) = price_chart.charts(bare)
    assert set(chart["trades"]["stop"]) == {None}
