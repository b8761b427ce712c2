"""What a backtest takes for granted about fills and costs, in words a trader can check."""

from __future__ import annotations

from qe_plugins.config.load import Loaded
from qe_plugins.data.tape import Tape
from qe_plugins.engine.slippage import described

LIMITS = {"touched": "touches it", "through": "trades through it"}
CONSUMED = {True: ["A bar's volume fills orders once: what was taken is gone."], False: []}


def assumptions(loaded: Loaded, tape: Tape) -> list[str]:
    """Return the assumptions of this run, the most costly first."""
    venue = loaded.config.nautilus.venue
    model = venue.fill_model
    slippage = loaded.config.slippage
    fills = described(slippage) if model is None else f"Fills are simulated by {model.type}."
    order = (
        "whichever of high and low is nearer to the open comes first"
        if venue.bar_adaptive_high_low_ordering
        else "the high comes before the low"
    )
    latency = (
        "Orders reach the venue at once."
        if venue.latency_model is None
        else f"Orders are delayed by Nautilus' {venue.latency_model.type}."
    )
    return [
        fills,
        f"Inside a bar the price goes from open to close, and {order}.",
        f"A limit order fills when the price {LIMITS[slippage.limits]}, at its limit: a quarter of "
        "the bar's volume at each of its four prices.",
        *CONSUMED[venue.liquidity_consumption],
        "A stop triggers at its price, or at the open of a bar that gaps through it.",
        latency,
        *_costs(loaded, tape),
        "A position held into expiry is settled at the contract's last price on the tape.",
    ]


def _costs(loaded: Loaded, tape: Tape) -> list[str]:
    if loaded.config.nautilus.venue.fee_model is not None:
        return [f"Fees come from Nautilus' {loaded.config.nautilus.venue.fee_model.type}."]
    roots = dict.fromkeys(contract.underlying for contract in tape.contracts)
    known = loaded.config.contracts
    currency = loaded.config.nautilus.venue.base_currency or "USD"
    return [
        f"{root}: {known[root].fee} {currency} a contract and side; margin "
        f"{known[root].margin_init} {currency} to open, {known[root].margin_maint} to hold."
        for root in roots
    ]
