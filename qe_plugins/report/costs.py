"""What trading cost besides being wrong: slippage, in ticks and in money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from qe_plugins.engine.outcome import ContractFacts


def slippage(trades: pl.DataFrame, contracts: Sequence[ContractFacts]) -> dict[str, Any]:
    """Return `slippage` in currency and `slippage_ticks` a trade, positive is worse.

    Only trades whose slippage is known count, `slippage_trades` of them; where there is none, both
    are None. A trade's slippage is in points, over its entry and its exit together.
    """
    facts = pl.DataFrame(
        {
            "instrument_id": [contract.id for contract in contracts],
            "tick": [float(contract.tick) for contract in contracts],
            "multiplier": [float(contract.multiplier) for contract in contracts],
        },
        schema={"instrument_id": pl.String, "tick": pl.Float64, "multiplier": pl.Float64},
    )
    known = trades.filter(pl.col("slippage").is_not_null()).join(facts, on="instrument_id")
    if known.is_empty():
        return {"slippage": None, "slippage_ticks": None, "slippage_trades": 0}
    points = pl.col("slippage")
    money, ticks = known.select(
        (points * pl.col("multiplier") * pl.col("quantity")).sum(),
        (points / pl.col("tick")).mean().alias("ticks"),
    ).row(0)
    return {
        "slippage": round(money, 6),
        "slippage_ticks": round(ticks, 6),
        "slippage_trades": known.height,
    }
