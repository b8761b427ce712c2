"""Margin of options by a scan of sixteen scenarios, in the manner of CME's SPAN.

It is our own scan with our own ranges: not SPAN, not a broker's figure, and not compared with one
yet. A broker may ask for more at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from qe_plugins.options.kernel.revaluation import scan_losses
from qe_plugins.options.positions import Leg

THIRDS = (0.0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1.0, -1.0)
EXTREME, COVERED = 2.0, 0.35
"""Two of the scenarios move the price twice the range, of whose loss this share is asked for."""

VOLATILITY_RANGE = 0.3
"""Relative change of volatility in a scenario, up and down."""

SCENARIOS = np.array(
    [(share, change, 1.0) for share in THIRDS for change in (VOLATILITY_RANGE, -VOLATILITY_RANGE)]
    + [(share * EXTREME, 0.0, COVERED) for share in (1.0, -1.0)]
)
"""A row a scenario: move in ranges of the price, change of volatility, share of its loss."""

SHORT_MINIMUM = 0.05
"""Least margin of a short option, as a part of the future's: far ones are not free."""


class MarginScan(msgspec.Struct, frozen=True, kw_only=True):
    """The scan of a position in one underlying, in USD.

    `losses` has the loss of each of the sixteen scenarios, `scan_risk` the largest; `short_minimum`
    is that of its short options, `option_value` what its options are worth now, negative for a net
    short position. `requirement` is the equity in cash that it needs: premium received is cash, so
    what it costs to buy the options back is asked for on top of the risk.
    """

    losses: tuple[float, ...]
    scan_risk: float
    short_minimum: float
    option_value: float

    @property
    def requirement(self) -> float:
        """Return the margin to hold in USD, at least 0."""
        return max(0.0, max(self.scan_risk, self.short_minimum) - self.option_value)


def margin_scan(
    legs: Sequence[Leg], price: float, rate: float, future_margin: float, multiplier: float
) -> MarginScan:
    """Return the scan of a position in options and futures of one underlying at `price`.

    `future_margin` is the maintenance margin of one future in USD, `multiplier` its USD a point:
    their quotient is the range of the price. Raises DataError for an option without a volatility.
    """
    scenarios = SCENARIOS.copy()
    scenarios[:, 0] *= future_margin / multiplier / price
    rows = [
        (one.strike, one.years, one.sign, one.american, one.contracts * one.multiplier,
         one.volatility)
        for one in legs
    ]  # fmt: skip
    found = np.empty(len(scenarios) + 1)
    scan_losses(price, rate, np.array(rows, dtype=float).reshape(-1, 6), scenarios, found)
    *losses, worth = found.tolist()
    short = sum(
        -one.contracts * one.multiplier / multiplier
        for one in legs
        if one.sign and one.contracts < 0
    )
    return MarginScan(
        losses=tuple(losses),
        scan_risk=max(0.0, *losses),
        short_minimum=short * SHORT_MINIMUM * future_margin,
        option_value=worth,
    )
