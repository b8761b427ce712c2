"""What rolling cost: fees, and what both legs slipped against the price pair, in currency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qe_plugins.engine.outcome import ContractFacts

type Roll = dict[str, Any]


def priced(rolls: Sequence[Roll], contracts: Sequence[ContractFacts]) -> list[Roll]:
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
