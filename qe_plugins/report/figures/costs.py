"""Trading costs: fees and slippage, by trade, by roll and over the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import ContractInfo

CONTRACT = {
    "instrument_id": pl.String,
    "tick": pl.Float64,
    "multiplier": pl.Float64,
    "precision": pl.Int64,
    "currency": pl.String,
}


def of_trades(positions: pl.DataFrame, contracts: Sequence[ContractInfo]) -> pl.DataFrame:
    """Return the trades with P&L and costs in currency: gross - fees - slippage = net.

    `gross` is the P&L at reference prices. `slippage` is positive where fills were worse than the
    reference; if unknown it is null and remains in `gross`. `ticks` is the slippage per contract,
    entry and exit together. `gross` and `net` of open trades are null.
    """
    facts = pl.DataFrame([_contract_row(contract) for contract in contracts], schema=CONTRACT)
    points, point_value = pl.col("slippage"), pl.col("multiplier") * pl.col("quantity")
    priced = positions.join(facts, on="instrument_id", how="left", maintain_order="left")
    costed = priced.with_columns(
        slippage=(points * point_value).round(6),
        ticks=(points / pl.col("tick")).round(6),
        fees=pl.col("commissions"),
        net=pl.col("pnl"),
    )
    gross = pl.col("net") + pl.col("fees") + pl.col("slippage").fill_null(0.0)
    return costed.with_columns(gross=gross.round(6)).drop("pnl", "commissions")


def slippage(trades: pl.DataFrame) -> dict[str, Any]:
    """Return `slippage` in currency and the mean `slippage_ticks` per trade; positive is worse.

    `trades` is the frame of `of_trades`. Only trades with known slippage count, open ones with
    their slippage so far; `slippage_trades` is their number. Both are None if there are none.
    """
    known = trades.filter(pl.col("slippage").is_not_null())
    if known.is_empty():
        return {"slippage": None, "slippage_ticks": None, "slippage_trades": 0}
    money, ticks = known.select(pl.col("slippage").sum(), pl.col("ticks").mean()).row(0)
    return {
        "slippage": round(money, 6),
        "slippage_ticks": round(ticks, 6),
        "slippage_trades": known.height,
    }


def cost_share(net: float, fees: float, slippage: float | None) -> dict[str, Any]:
    """Return `gross_pnl` (P&L at reference prices), `cost`, and `cost_share`, cost / gross_pnl.

    The share is None unless the P&L at reference prices is positive.
    """
    cost = fees + (slippage or 0.0)
    gross = net + cost
    return {
        "gross_pnl": round(gross, 6),
        "cost": round(cost, 6),
        "cost_share": cost / gross if gross > 0 else None,
    }


def _contract_row(contract: ContractInfo) -> dict[str, Any]:
    return {
        "instrument_id": contract.id,
        "tick": float(contract.tick),
        "multiplier": float(contract.multiplier),
        "precision": contract.precision,
        "currency": contract.currency,
    }


if TYPE_CHECKING:
    from qe_plugins.engine.results.result import ContractInfo

type Roll = dict[str, Any]


def priced(rolls: Sequence[Roll], contracts: Sequence[ContractInfo]) -> list[Roll]:
    """Return the rolls with `slippage` and `cost` in currency, each leg with its `slippage`.

    Slippage is positive where a leg filled worse than its price of the roll's price pair. If one
    leg's is unknown, so is the roll's, and its cost is its fees alone.
    """
    multipliers = {contract.id: float(contract.multiplier) for contract in contracts}
    return [_priced_roll(roll, multipliers) for roll in rolls]


def totals(rolls: Sequence[Roll]) -> Roll:
    """Return `roll_fees`, `roll_slippage` and their sum `roll_cost` over priced rolls."""
    fees = sum(roll["fees"] for roll in rolls)
    slippage = sum(roll["slippage"] or 0.0 for roll in rolls)
    return {
        "roll_fees": round(fees, 6),
        "roll_slippage": round(slippage, 6),
        "roll_cost": round(fees + slippage, 6),
    }


def _priced_roll(roll: Roll, multipliers: dict[str, float]) -> Roll:
    legs = [{**leg, "slippage": _leg_slippage(roll, leg, multipliers)} for leg in roll["legs"]]
    known = [leg["slippage"] for leg in legs if leg["slippage"] is not None]
    slippage = round(sum(known), 6) if len(known) == len(legs) else None
    return {**roll, "legs": legs, "slippage": slippage, "cost": roll["fees"] + (slippage or 0.0)}


def _leg_slippage(roll: Roll, leg: Roll, multipliers: dict[str, float]) -> float | None:
    if leg["price"] is None or len(roll["prices"]) != 2:
        return None
    points: float = leg["price"] - roll["prices"][leg["instrument_id"] == roll["after"]]
    worse = points if leg["side"] == "BUY" else -points
    size: float = abs(roll["contracts"])
    return round(worse * size * multipliers[leg["instrument_id"]], 6)
