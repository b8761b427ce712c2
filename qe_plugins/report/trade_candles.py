"""What a zoomed price chart shows of trades: candles around each, its stop and its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from qe_plugins.report.figures import exchange_time, prices

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult, ContractInfo

MOST_CANDLES = 40_000
"""Candles of a page; one takes about ten bytes."""

BARS_AROUND = 30
MOMENT = pl.Datetime("ns", "UTC")
OF = ["instrument_id", "strategy"]

type Windows = list[tuple[int, int]]


def around_trades(
    outcome: BacktestResult, contracts: list[ContractInfo]
) -> dict[str, dict[str, Any]]:
    """Return, by contract, the candles from 30 bars before each trade to 30 bars after it.

    All candles are of one width: that of the run's bars, or the next of `prices.WIDTHS` with which
    they are at most MOST_CANDLES. The prices of a contract are in whole numbers of `point`, times
    in those of `unit` (ms), each as the difference from what precedes it: `x` from the last x,
    `open` from the last close, `close` from the open, `high` and `low` from the body.
    """
    names = [one.id for one in contracts]
    own = outcome.positions.filter(pl.col("instrument_id").is_in(names))
    if own.is_empty():
        return {}
    bar = _bar_length(outcome, names)
    windows = {name: _windows(part, bar, outcome.data.end) for (name,), part in _parts(own)}
    span = sum(end - start for spans in windows.values() for start, end in spans)
    width = prices.width_for(span, MOST_CANDLES, bar)
    drawn = {
        one.id: _encoded(prices.merged(outcome, one.id, windows[one.id], width), one, width)
        for one in contracts
        if one.id in windows
    }
    return {name: candles for name, candles in drawn.items() if candles["x"]}


def with_levels(positions: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Return trades with `stop` and `target`: where its last stop and limit order to close stood.

    Of an order that was moved, the orders of a run hold the last price. Null without such an order.
    """
    trades = positions.with_row_index("row").with_columns(
        closing=pl.when(pl.col("side") == "LONG").then(pl.lit("SELL")).otherwise(pl.lit("BUY")),
        until=pl.coalesce("closed", pl.lit(orders["ts"].max())).cast(MOMENT),
        since=pl.col("closed").shift(1).over(OF, order_by="opened").cast(MOMENT),
    )
    worked = orders.filter(~pl.col("status").is_in(["DENIED", "REJECTED"]))
    for name, price, kind in (
        ("stop", "trigger", pl.col("type").str.contains("STOP")),
        ("target", "price", pl.col("type") == "LIMIT"),
    ):
        level = worked.filter(kind).select(
            *OF, placed=pl.col("ts").cast(MOMENT), closing="side", **{name: price}
        )
        trades = trades.sort("until").join_asof(
            level.sort("placed"),
            left_on="until",
            right_on="placed",
            by=[*OF, "closing"],
            check_sortedness=False,
        )
        own = pl.col("since").is_null() | (pl.col("placed") >= pl.col("since"))
        trades = trades.with_columns(pl.when(own).then(pl.col(name))).drop("placed")
    return trades.sort("row").drop("row", "closing", "until", "since")


def _parts(positions: pl.DataFrame) -> Any:
    return positions.group_by("instrument_id", maintain_order=True)


def _bar_length(outcome: BacktestResult, names: list[str]) -> int:
    """Return the nanoseconds of the run's bars, the shortest of its contracts."""
    lengths = (prices.bar_length(outcome, name) for name in names)
    return min((length for length in lengths if length), default=prices.MINUTE)


def _windows(positions: pl.DataFrame, bar: int, end: int) -> Windows:
    """Return the sorted, disjoint spans (UTC ns) of the trades with BARS_AROUND on each side."""
    found: Windows = []
    spans = positions.select(
        pl.col("opened").cast(pl.Int64), pl.col("closed").cast(pl.Int64).fill_null(end)
    )
    for opened, closed in spans.sort("opened").iter_rows():
        start, until = opened - BARS_AROUND * bar, max(closed, opened) + BARS_AROUND * bar
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((start, until))
    return found


def _encoded(bars: pl.DataFrame, contract: ContractInfo, width: int) -> dict[str, Any]:
    scale = 10**contract.precision
    opened, high, low, close = (
        (bars[name] * scale).round(0).cast(pl.Int64).to_numpy() for name in prices.COLUMNS
    )
    point = _divisor(opened, high, low, close)
    opened, high, low, close = (one // point for one in (opened, high, low, close))
    x = bars.select(exchange_time.millis())["ts"].to_numpy()
    steps = np.diff(x, prepend=0)
    unit = _divisor(x)
    return {
        "name": contract.id,
        "width": width // 10**6,
        "unit": unit,
        "point": point / scale,
        "x": (steps // unit).tolist(),
        "open": (opened - np.concatenate(([0], close[:-1]))).tolist(),
        "close": (close - opened).tolist(),
        "high": (high - np.maximum(opened, close)).tolist(),
        "low": (np.minimum(opened, close) - low).tolist(),
    }


def _divisor(*numbers: np.ndarray) -> int:
    """Return the greatest whole number that divides them all; 1 without any."""
    return int(np.gcd.reduce(np.concatenate(numbers))) or 1
