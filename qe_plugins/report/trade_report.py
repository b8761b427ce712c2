"""One trade and its costs, read from a run's folder: fills, rolls, settlement, margin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from qe_plugins.errors import ReportError
from qe_plugins.journal.lookup import resolve_prefix
from qe_plugins.report import run_index

TRADES = "trades.parquet"

type Row = dict[str, Any]


def describe_trade(place: Path, text: str) -> Row:
    """Return one trade of the run in `place`; `text` is its id, a prefix, its number, or "last".

    `trade` is its row of trades.parquet, `fills` its fills with their slippage, `orders` the rows
    of its orders, `rolls` the rolls that opened or closed it, `settled` its settlement at expiry,
    if any, `alone` whether no other trade was open at the same time. Money is in `currency`. An
    open trade's `gross` (P&L at reference prices) and `net` are None. Raises ReportError or
    JournalError.
    """
    trades = _read_trades(place)
    trade = _find(trades, text)
    fills = list(_fills(pl.read_parquet(place / "fills.parquet", glob=False), trade))
    names = list(dict.fromkeys(fill["client_order_id"] for fill in fills))
    orders = pl.read_parquet(place / "orders.parquet", glob=False)
    return {
        "run_id": run_index.figures(place)["run_id"],
        "trade": trade,
        **_trade_costs(trade, fills),
        "alone": _alone(trades, trade),
        "orders": orders.filter(pl.col("client_order_id").is_in(names)).to_dicts(),
        "fills": fills,
        "rolls": _rolls(place, names),
        "settled": [one for one in _settlements(place) if one["order"] in names],
    }


def _read_trades(place: Path) -> pl.DataFrame:
    if not (place / TRADES).is_file():
        hint = "The run is older than this file: run it again."
        raise ReportError(f"has no {TRADES}.", where=str(place), hint=hint)
    trades = pl.read_parquet(place / TRADES, glob=False)
    if trades.is_empty():
        raise ReportError("the run has no trades.", hint="`qe journal vetoes` lists the vetoes.")
    return trades


def _find(trades: pl.DataFrame, text: str) -> Row:
    """Return the trade that `text` names; "last" is the last closed one, else the last opened."""
    if text == "last":
        closed = trades.filter(pl.col("closed").is_not_null())
        return (trades if closed.is_empty() else closed).row(-1, named=True)
    ids = trades["id"].to_list()
    numbered = [name for name in ids if name.endswith(f"-{text}")]
    if len(numbered) > 1:
        hint = f"It may be {', '.join(numbered[:5])}."
        raise ReportError(f"{len(numbered)} trades have the number {text}.", hint=hint)
    name = (
        numbered[0] if numbered else resolve_prefix(text.removeprefix("trade:"), ids, what="trade")
    )
    return trades.row(ids.index(name), named=True)


def _fills(fills: pl.DataFrame, trade: Row) -> Iterator[Row]:
    """Yield the fills of a trade; of a fill that reverses the position, the part in this trade."""
    own = fills.filter(
        (pl.col("instrument_id") == trade["instrument_id"])
        & (pl.col("strategy") == trade["strategy"])
    )
    wanted, number, net = int(trade["id"].rpartition("-")[2]), 1, 0.0
    for fill in own.iter_rows(named=True):
        left = fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]
        while left:
            leg = "exit" if net * left < 0 else "entry"
            part = left if leg == "entry" or abs(left) <= abs(net) else -net
            if number == wanted:
                yield _part_of_fill(fill, part, leg, trade["multiplier"])
            net, left = net + part, left - part
            number += net == 0
        if number > wanted:
            return


def _part_of_fill(fill: Row, part: float, leg: str, multiplier: float) -> Row:
    reference = fill.get("reference")
    worse = None if reference is None else (fill["price"] - reference) * part * multiplier
    return {
        "leg": leg,
        **{name: fill[name] for name in ("ts", "client_order_id", "trade_id", "side")},
        "quantity": abs(part),
        "price": fill["price"],
        "reference": reference,
        "slippage": None if worse is None else round(worse, 6),
        "fee": round(fill["commission"] * abs(part) / fill["quantity"], 6),
        "liquidity": fill["liquidity"],
    }


def _trade_costs(trade: Row, fills: list[Row]) -> Row:
    """Return the costs of a trade so far; slippage is None if that of a fill is unknown."""
    known = [fill["slippage"] for fill in fills if fill["slippage"] is not None]
    slippage = round(sum(known), 6) if len(known) == len(fills) else None
    cost, gross = round(trade["fees"] + (slippage or 0.0), 6), trade["gross"]
    return {
        "gross": gross,
        "fees": trade["fees"],
        "slippage": slippage,
        "cost": cost,
        "cost_share": cost / gross if gross is not None and gross > 0 else None,
        "net": trade["net"],
        "margin": trade["margin"],
        "currency": trade["currency"],
    }


def _alone(trades: pl.DataFrame, trade: Row) -> bool:
    """Return whether no other trade was open while this one was."""
    open_later = pl.col("closed").is_null() | (pl.col("closed") > trade["opened"])
    concurrent = trades.filter(open_later, pl.col("id") != trade["id"])
    if trade["closed"] is not None:
        concurrent = concurrent.filter(pl.col("opened") < trade["closed"])
    return concurrent.is_empty()


def _rolls(place: Path, orders: list[str]) -> list[Row]:
    """Return the rolls that an order of the trade was a leg of."""
    rolls = run_index.figures(place).get("rolls", [])
    return [roll for roll in rolls if any(leg["order"] in orders for leg in roll["legs"])]


def _settlements(place: Path) -> list[Row]:
    found: list[Row] = run_index.figures(place).get("settlements", [])
    return found
