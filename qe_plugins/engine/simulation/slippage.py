"""The slippage models of `slippage:`: how far beyond the market an order is filled."""

from __future__ import annotations

import math
from collections.abc import Callable

from qe_plugins.config.schema import SlippageSettings

SESSION = 23 * 3_600  # seconds that a futures session trades
ALMOST = 1e-9  # ticks: float error above a whole number is not rounded up

Model = Callable[[SlippageSettings, float, float, float, float], float]
"""Ticks from the settings, contracts, the bar's and the session's volume, the price in ticks."""

TICKS: dict[str, Model] = {
    "none": lambda _s, _size, _bar, _session, _price: 0,
    "ticks": lambda s, _size, _bar, _session, _price: s.ticks,
    "half_spread": lambda s, _size, _bar, _session, _price: s.spread / 2,
    "volume_share": lambda s, size, bar, _session, _price: s.ticks * size / (s.share * bar),
    "square_root": lambda s, size, _bar, session, price: (
        s.coefficient * s.volatility * price * math.sqrt(size / session)
    ),
}


def slippage_ticks(
    slippage: SlippageSettings, size: float, price: float, volume: float | None, period: float
) -> int:
    """Return the slippage of `size` contracts at `price` (ticks) in whole ticks, rounded up.

    `volume` is that of the last bar, of `period` seconds; the session's volume is as if every bar
    had that volume. Without a bar the order itself counts as the volume.
    """
    if volume is None:
        volume = session = size
    else:
        volume = max(volume, 1.0)
        session = volume * max(SESSION / period, 1)
    return math.ceil(TICKS[slippage.model](slippage, size, volume, session, price) - ALMOST)


def slippage_in_words(slippage: SlippageSettings) -> str:
    """Return the slippage model as a sentence."""
    if slippage.model == "none":
        return (
            "Market orders fill at the price of the bar on which they were sent, stops at theirs."
        )
    return f"Market orders and stops fill {MOVES[slippage.model].format(s=slippage)}."


MOVES = {
    "ticks": "{s.ticks} tick(s) worse than the price of the bar on which they are filled",
    "half_spread": "half of a spread of {s.spread} tick(s) worse than the bar's price, rounded up",
    "volume_share": "worse by {s.ticks} tick(s) each {s.share:.2%} of the bar's volume, rounded up",
    "square_root": (
        "worse by {s.coefficient:g} x {s.volatility:.2%} a day x the root of contracts over the "
        "day's volume (the bar's, scaled), rounded up to a tick"
    ),
}
