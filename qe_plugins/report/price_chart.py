"""Data of the price charts: one per root, with candles, trades, vetoes and rolls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.report import trade_candles
from qe_plugins.report.figures import exchange_time, prices

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult, ContractInfo

DAY = 86_400_000_000_000
MOST_POINTS = 24_000
MOST_CHARTS = 8
LEG: dict[str, Any] = {
    "at": pl.Datetime("ms", "UTC"),
    "price": pl.Float64,
    "side": pl.String,
    "contract": pl.String,
    "quantity": pl.Float64,
    "strategy": pl.String,
    "reason": pl.String,
}
NAMED = ("side", "contract", "quantity", "strategy", "reason")


def charts(outcome: BacktestResult) -> list[dict[str, Any]]:
    """Return a chart for each root with a fill or a veto; without any, for the first root."""
    windows = _windows(outcome)
    shown = [contract for contract in outcome.data.contracts if contract.id in windows]
    points = min(prices.MOST_POINTS, MOST_POINTS // max(len(shown), 1))
    roots = list(dict.fromkeys(contract.root for contract in shown))[:MOST_CHARTS]
    fine = trade_candles.around_trades(outcome, [one for one in shown if one.root in roots])
    return [
        _chart(outcome, root, [one for one in shown if one.root == root], windows, points, fine)
        for root in roots
    ]


def _chart(
    outcome: BacktestResult,
    root: str,
    contracts: list[ContractInfo],
    windows: dict[str, tuple[int, int]],
    points: int,
    fine: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    lines = [_price_line(outcome, one, windows[one.id], points) for one in contracts]
    names = [one.id for one in contracts]
    return {
        "root": root,
        "lines": sorted((line for line in lines if line["x"]), key=lambda line: line["x"][0]),
        "candles": [fine[name] for name in names if name in fine],
        "trades": _trade_marks(outcome, names),
        "vetoes": _veto_marks(outcome, names),
        "rolls": _roll_marks(outcome, names),
    }


def _windows(outcome: BacktestResult) -> dict[str, tuple[int, int]]:
    """Return, by contract, the time from first to last fill or veto, with a day around it."""
    events = pl.concat(
        [outcome.fills.select("instrument_id", "ts"), outcome.vetoes.select("instrument_id", "ts")]
    )
    spans = events.group_by("instrument_id").agg(
        first=pl.col("ts").min().cast(pl.Int64), last=pl.col("ts").max().cast(pl.Int64)
    )
    if spans.is_empty():
        first = outcome.data.contracts[:1]
        whole = (outcome.data.start, outcome.data.end)
        return {one.id: whole for one in outcome.data.contracts if one.root == first[0].root}
    return {name: (first - DAY, last + DAY) for name, first, last in spans.iter_rows()}


def _price_line(
    outcome: BacktestResult, contract: ContractInfo, window: tuple[int, int], points: int
) -> dict[str, Any]:
    bars = prices.downsampled(outcome, contract.id, window, points)
    line = bars.select(x=exchange_time.millis()).to_dict(as_series=False)
    for name in prices.COLUMNS:
        line[name] = bars[name].round(contract.precision).to_list()
    width = prices.width_for(window[1] - window[0], points)
    return {"name": contract.id, "width": width // 10**6, **line}


def _trade_marks(outcome: BacktestResult, names: list[str]) -> dict[str, list[Any]]:
    own = outcome.positions.filter(pl.col("instrument_id").is_in(names)).sort("opened")
    return (
        trade_candles.with_levels(own, outcome.orders)
        .select(
            opened=exchange_time.millis("opened"),
            closed=exchange_time.millis("closed"),
            entry=pl.col("entry").round(6),
            exit=pl.col("exit").round(6),
            stop=pl.col("stop").round(6),
            target=pl.col("target").round(6),
            pnl=pl.col("pnl").round(2),
            side="side",
            quantity="quantity",
            strategy="strategy",
        )
        .to_dict(as_series=False)
    )


def _veto_marks(outcome: BacktestResult, names: list[str]) -> dict[str, list[Any]]:
    parts = [outcome.vetoes.clear().with_columns(price=pl.lit(None, pl.Float64))]
    for (name,), own in outcome.vetoes.sort("ts").group_by("instrument_id"):
        if name in names:
            parts.append(own.with_columns(price=prices.at(outcome, str(name), own["ts"])))
    priced = pl.concat(parts).sort("ts").filter(pl.col("price").is_not_null())
    return priced.select(
        x=exchange_time.millis(),
        y=pl.col("price").round(6),
        plugin="plugin",
        reason="reason",
        side="side",
    ).to_dict(as_series=False)


def _roll_marks(outcome: BacktestResult, names: list[str]) -> dict[str, list[Any]]:
    """Return one point per filled leg; both legs of a roll have the same `x`."""
    rows = [
        (
            datetime.fromisoformat(roll["at"]),
            leg["price"],
            leg["side"],
            leg["instrument_id"],
            abs(roll["contracts"]),
            roll["strategy"],
            roll["reason"],
        )
        for roll in outcome.rolls
        for leg in roll["legs"]
        if leg["price"] is not None and leg["instrument_id"] in names
    ]
    legs = pl.DataFrame(rows, schema=LEG, orient="row")
    return legs.select(
        x=exchange_time.millis("at"), y=pl.col("price").round(6), **{n: n for n in NAMED}
    ).to_dict(as_series=False)
