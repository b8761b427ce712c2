"""Load the compiled code of chains, surfaces and scenarios before an answer is waited for."""

from __future__ import annotations

import numpy as np
import polars as pl

from qe_plugins.options.greeks import with_greeks
from qe_plugins.options.positions import Leg
from qe_plugins.options.quotes import YEAR_NS, QuoteRules, evaluated
from qe_plugins.options.scenarios import scenario_grid
from qe_plugins.options.surface import fit_expiry

STRIKES = np.arange(80.0, 121.0, 4.0)


def load_compiled_code() -> None:
    """Evaluate a small made chain once. The first time on a machine this takes some seconds."""
    for american in (False, True):
        sign = np.where(STRIKES < 100, -1.0, 1.0)
        worth = 4.0 * np.exp(-((STRIKES / 100 - 1) ** 2) * 50) + 0.5
        count = len(STRIKES)
        frame = pl.DataFrame(
            {
                "ts": np.zeros(count, np.int64),
                "bid": worth - 0.1,
                "ask": worth + 0.1,
                "strike": STRIKES,
                "sign": sign,
                "expiry": np.full(count, YEAR_NS // 10),
                "american": np.full(count, american),
                "now": np.zeros(count, np.int64),
                "price": np.full(count, 100.0),
            }
        )
        quotes = with_greeks(evaluated(frame, QuoteRules(), rate=0.02))
        fit_expiry(quotes, YEAR_NS // 10, 0)
    leg = Leg(sign=1, strike=100.0, years=0.1, volatility=0.2, contracts=1, multiplier=1.0)
    scenario_grid([leg], 100.0, 0.02)
