"""The P&L of a run's options split into delta, gamma and theta, vega, spread, fees and the rest.

An option is marked at the middle of its last quote of each minute, beside its future's close, where
both give an implied volatility; from one mark to the next the Greeks of the first explain the move.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.listed_options import named_option
from qe_plugins.report.figures import prices

if TYPE_CHECKING:
    import numpy.typing as npt

    from qe_plugins.engine.results.result import BacktestResult, ContractInfo

    Floats = npt.NDArray[np.float64]

SECOND, MINUTE, DAY = 10**9, 60 * 10**9, 86_400 * 10**9
OLD_FILL, QUOTE, FILL = 0, 1, 2
"""Order of rows at one instant: a fill on the quote before, a quote, a fill on that quote."""

QUOTED = ("bid", "ask", "bid_size", "ask_size", "quoted_at")


def figures(outcome: BacktestResult) -> dict[str, Any]:
    """Return `option_pnl`, in currency, of a run that traded options; empty of any other.

    `formatting.OPTION_PARTS` sum to `net_pnl`, to the cent: what the options' fills paid and
    received, less fees, and open ones at the middle of their last quote.
    `explained_time` is the part of the time with a position that lies between two marks with a
    volatility. `quoted` has how many times the contracts that traded were quoted at the touch, at
    the median of the fills and at the least; fills on one quote and side count as one.
    """
    options = [one for one in outcome.data.contracts if one.is_option]
    fills = outcome.fills.filter(pl.col("instrument_id").is_in([one.id for one in options]))
    if fills.is_empty() or outcome.option_quotes is None:
        return {}
    rows = _rows(outcome, options, fills)
    if rows["mid"].is_null().any():
        return {}  # a fill without a quote: its spread is unknown
    return {"option_pnl": split(_marked(rows)) | {"quoted": _quoted_multiples(rows)}}


def split(rows: pl.DataFrame) -> dict[str, Any]:
    """Return `net_pnl`, its parts and `explained_time` of rows of options, by option and time.

    Columns: instrument_id, ts (UTC ns), mid (points), price (of the future), iv, delta, gamma, vega
    and theta (in the units of `options/greeks.py`, null where unknown), multiplier; of a fill size
    (signed contracts, 0 in other rows), paid (points), fee, and is_expiry. Null counts as unknown.
    """
    by, last = "instrument_id", pl.len().over("instrument_id") - 1
    held = pl.col("size").cum_sum().over(by) * pl.col("multiplier")
    moved = {
        name: pl.col(name).shift(-1).over(by) - pl.col(name) for name in ("mid", "price", "iv")
    }
    days = (pl.col("ts").shift(-1).over(by) - pl.col("ts")) / DAY
    curve = 0.5 * pl.col("gamma") * moved["price"] ** 2 + pl.col("theta") * days
    steps = rows.with_columns(
        held=held,
        days=days.fill_null(0.0),
        explained=held * pl.col("delta") * moved["price"],
        curve=held * curve,
        volatility=held * pl.col("vega") * moved["iv"] * 100,
        cost=pl.col("size") * (pl.col("mid") - pl.col("paid")) * pl.col("multiplier"),
        cash=-pl.col("size") * pl.col("paid") * pl.col("multiplier"),
        is_last=pl.int_range(pl.len()).over(by) == last,
    )
    time = steps.filter(pl.col("held") != 0)
    known = float(time.filter(pl.col("volatility").is_not_null())["days"].sum())
    worth = steps.filter("is_last").select((pl.col("held") * pl.col("mid")).sum()).item()
    fees = float(steps["fee"].sum())
    parts = {
        "delta": steps["explained"].sum(),
        "gamma_theta": steps["curve"].sum(),
        "vega": steps["volatility"].sum(),
        "spread": steps.filter(~pl.col("is_expiry"))["cost"].sum(),
        "fees": -fees,
        "exercised": steps.filter("is_expiry")["cost"].sum(),
    }
    net = round(float(steps["cash"].sum()) - fees + worth, 2)
    cents = {name: round(float(value), 2) + 0.0 for name, value in parts.items()}
    rest = round(net - sum(cents.values()), 2) + 0.0
    held_for = float(time["days"].sum())
    explained = {"explained_time": known / held_for if held_for else None}
    return {"net_pnl": net, **cents, "rest": rest, **explained}


def _rows(
    outcome: BacktestResult, options: list[ContractInfo], fills: pl.DataFrame
) -> pl.DataFrame:
    """Return fills and the last quotes of minutes, by option and time, with what is known then."""
    assert outcome.option_quotes is not None
    terms = pl.DataFrame([_terms(one) for one in options])
    quotes = outcome.option_quotes.with_columns(pl.col("ts").cast(pl.Int64)).sort("ts")
    quotes = quotes.with_columns(quoted_at="ts")
    fixings = {one["order"]: float(one["price"]) for one in outcome.settlements}
    order = pl.col("client_order_id")
    done = fills.select(
        "instrument_id",
        pl.col("ts").cast(pl.Int64),
        size=pl.when(pl.col("side") == "BUY").then(1.0).otherwise(-1.0) * pl.col("quantity"),
        paid="price",
        fee="commission",
        is_expiry=order.is_in(list(fixings)),
        fixing=order.replace_strict(fixings, default=None, return_dtype=pl.Float64),
    ).sort("ts", maintain_order=True)
    minute = (pl.col("ts") - 1) // MINUTE
    marks = quotes.group_by("instrument_id", minute.alias("minute")).last().drop("minute")
    marks = marks.with_columns(turn=pl.lit(QUOTE))
    rows = pl.concat([_on_quotes(done, quotes), marks], how="diagonal_relaxed")
    rows = rows.with_columns(
        pl.col("size", "paid", "fee").fill_null(0.0), pl.col("is_expiry").fill_null(value=False)
    )
    rows = rows.join(terms, on="instrument_id").sort("ts", "turn", maintain_order=True)
    rows = _with_futures(outcome, rows).sort("instrument_id", maintain_order=True)
    worth = (pl.col("sign") * (pl.col("fixing") - pl.col("strike"))).clip(lower_bound=0.0)
    return rows.with_columns(
        mid=pl.when("is_expiry").then(worth).otherwise((pl.col("bid") + pl.col("ask")) / 2),
        price=pl.coalesce("fixing", "price"),
    )


def _on_quotes(fills: pl.DataFrame, quotes: pl.DataFrame) -> pl.DataFrame:
    """Return fills with the quote on which each was made.

    At one instant a fill may come before the quote of then: its price tells.
    """
    on: dict[str, Any] = {"on": "ts", "by": "instrument_id", "check_sortedness": False}
    now = fills.join_asof(quotes, **on)
    before = fills.join_asof(quotes, **on, allow_exact_matches=False)
    touch = pl.when(pl.col("size") > 0).then("ask").otherwise("bid")
    missed = (pl.col("quoted_at") == pl.col("ts")) & (pl.col("paid") != touch)
    older = now.select(missed).to_series() & before.select(pl.col("paid") == touch).to_series()
    older = older.fill_null(value=False)
    return now.with_columns(
        *(pl.when(older).then(before[name]).otherwise(pl.col(name)).alias(name) for name in QUOTED),
        turn=pl.when(older).then(OLD_FILL).otherwise(FILL),
    )


def _with_futures(outcome: BacktestResult, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in time order with `price`, the close of their future within five minutes."""
    closes = [
        prices.activity(outcome, name).select("ts", future=pl.lit(name), price="close")
        for name in rows["future"].unique().to_list()
    ]
    return rows.join_asof(
        pl.concat(closes).sort("ts"),
        on="ts",
        by="future",
        tolerance=5 * MINUTE,
        check_sortedness=False,
    )


def _marked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return fills, the last row of each option, and the rows that have a volatility, with Greeks.

    The future's price is kept where it is a volatility's, and at expiry, where it is the fixing.
    """
    from qe_plugins.options.greeks import greek_columns  # imports Numba, and few runs have options
    from qe_plugins.options.kernel.black76 import GREEKS
    from qe_plugins.options.quotes import QuoteRules, evaluated

    named = rows.rename({"mid": "marked", "ts": "now", "quoted_at": "ts"})
    found = evaluated(named, QuoteRules())
    used = found["reason"].is_null().to_numpy()
    vol: Floats = np.where(used, found["iv"].to_numpy(), np.nan)
    columns = dict(zip(GREEKS, greek_columns(found, vol).T, strict=True))
    marked = rows.with_columns(
        pl.Series(name, columns[name], nan_to_null=True)
        for name in ("delta", "gamma", "vega", "theta")
    ).with_columns(
        pl.Series("iv", vol, nan_to_null=True),
        price=pl.when(pl.Series(used) | pl.col("is_expiry")).then("price"),
    )
    is_last = pl.int_range(pl.len()).over("instrument_id") == pl.len().over("instrument_id") - 1
    return marked.filter(pl.col("iv").is_not_null() | (pl.col("size") != 0) | is_last)


def _quoted_multiples(rows: pl.DataFrame) -> dict[str, Any]:
    """Return how many times the traded contracts were quoted on the side that they traded at."""
    traded = rows.filter(pl.col("size") != 0, ~pl.col("is_expiry"))
    bought = pl.col("size") > 0
    each = traded.group_by("instrument_id", "quoted_at", bought.alias("bought")).agg(
        contracts=pl.col("size").abs().sum(),
        quoted=pl.when(bought).then("ask_size").otherwise("bid_size").first(),
    )
    multiple = each["quoted"] / each["contracts"]
    return {"fills": each.height, "median": multiple.median(), "least": multiple.min()}


def _terms(one: ContractInfo) -> dict[str, Any]:
    symbol = one.id.rpartition(".")[0]
    option = named_option(symbol, datetime.fromtimestamp(one.expiry // SECOND, CHICAGO).date())
    return {
        "instrument_id": one.id,
        "future": option.underlying_id,
        "strike": float(option.strike),
        "sign": float(option.sign),
        "expiry": option.expiry,
        "american": option.style == "american",
        "multiplier": float(one.multiplier),
    }
