"""What trading cost besides being wrong: fees and slippage, a trade and over the run."""

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
    """Return the trades with what each made and cost, in currency: gross - fees - slippage = net.

    Gross is what the trade would have made at the prices its orders could expect. `slippage` is
    positive where fills were worse; where it is unknown it is null, and inside gross. `ticks` is
    the slippage a contract, entry and exit together. Open trades have no gross and net.
    """
    facts = pl.DataFrame([_facts(contract) for contract in contracts], schema=CONTRACT)
    points, each = pl.col("slippage"), pl.col("multiplier") * pl.col("quantity")
    priced = positions.join(facts, on="instrument_id", how="left", maintain_order="left")
    told = priced.with_columns(
        slippage=(points * each).round(6),
        ticks=(points / pl.col("tick")).round(6),
        fees=pl.col("commissions"),
        net=pl.col("pnl"),
    )
    gross = pl.col("net") + pl.col("fees") + pl.col("slippage").fill_null(0.0)
    return told.with_columns(gross=gross.round(6)).drop("pnl", "commissions")


def slippage(trades: pl.DataFrame) -> dict[str, Any]:
    """Return `slippage` in currency and `slippage_ticks` a trade, positive is worse.

    `trades` is what `of_trades` returns. Trades whose slippage is known count, open ones with what
    they have paid so far, `slippage_trades` of them; where there is none, both are None.
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


def cost_share(net: float, fees: float, slipped: float | None) -> dict[str, Any]:
    """Return `gross_pnl`, what trading `cost`, and the share of gross that it ate.

    The share is None where there was no gross profit to eat from.
    """
    cost = fees + (slipped or 0.0)
    gross = net + cost
    return {
        "gross_pnl": round(gross, 6),
        "cost": round(cost, 6),
        "cost_share": cost / gross if gross > 0 else None,
    }


def _facts(contract: ContractInfo) -> dict[str, Any]:
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
    """Return the rolls of an outcome, each with `slippage` and `cost`, each leg with `slippage`.

    Slippage is positive where a leg filled worse than its price of the pair. Where one leg's is
    unknown so is the roll's, whose cost then is its fees.
    """
    worth = {contract.id: float(contract.multiplier) for contract in contracts}
    return [_priced(roll, worth) for roll in rolls]


def totals(rolls: Sequence[Roll]) -> Roll:
    """Return `roll_fees`, `roll_slippage` and `roll_cost`, their sum, over priced rolls."""
    fees = sum(roll["fees"] for roll in rolls)
    slipped = sum(roll["slippage"] or 0.0 for roll in rolls)
    return {
        "roll_fees": round(fees, 6),
        "roll_slippage": round(slipped, 6),
        "roll_cost": round(fees + slipped, 6),
    }


def _priced(roll: Roll, worth: dict[str, float]) -> Roll:
    legs = [{**leg, "slippage": _slipped(roll, leg, worth)} for leg in roll["legs"]]
    known = [leg["slippage"] for leg in legs if leg["slippage"] is not None]
    slipped = round(sum(known), 6) if len(known) == len(legs) else None
    return {**roll, "legs": legs, "slippage": slipped, "cost": roll["fees"] + (slipped or 0.0)}


def _slipped(roll: Roll, leg: Roll, worth: dict[str, float]) -> float | None:
    if leg["price"] is None or len(roll["prices"]) != 2:
        return None
    points: float = leg["price"] - roll["prices"][leg["instrument_id"] == roll["after"]]
    worse = points if leg["side"] == "BUY" else -points
    size: float = abs(roll["contracts"])
    return round(worse * size * worth[leg["instrument_id"]], 6)
