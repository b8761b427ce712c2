"""What the strip says of a position: entry and stop, and the dollars down to the stop."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from qe_plugins.errors import QeError
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.specs import market
from qe_plugins.observatory.live.positions import HeldPosition
from qe_plugins.observatory.live.strip import UNKNOWN, PositionText


def position_text(held: HeldPosition, contract: str, contracts: Decimal) -> PositionText:
    """Return what to say of a position, by its facts and the `contracts` of the heartbeat."""
    if held.entry is None:
        return UNKNOWN
    stop = "no stop known" if held.stop is None else f"stop {held.stop:,.2f}"
    at_risk = UNKNOWN.at_risk if held.contracts != contracts else _at_risk(held, contract)
    return PositionText(prices=f"from {held.entry:,.2f}, {stop}", at_risk=at_risk)


def _at_risk(held: HeldPosition, contract: str) -> str:
    if held.at_stops is None:
        plural = "" if held.bare == 1 else "s"
        return f"NOT LIMITED: no stop is known for {held.bare:f} contract{plural}"
    key = dated_key(contract.partition(".")[0], datetime.now(UTC).date())
    try:
        terms = None if key is None else market(key.root)
    except QeError:  # no markets.yaml here, or a root that it does not have
        terms = None
    if terms is None:
        return f"{held.at_stops:+,.2f} points from the entry, if the stop fills at its price"
    amount = held.at_stops * terms.multiplier
    left = f"{amount:,.2f} {terms.currency}"
    loss = left.removeprefix("-") if amount < 0 else f"nothing, the stop leaves {left}"
    return f"{loss} from entry to stop, before fees and slippage"
