"""What demotes by itself: a drawdown that the claim would hardly have, and a decaying edge.

The drawdown limit is a quantile of the claim's own worst drawdowns. The detector is an e-detector
(Shin, Ramdas, Rinaldo 2023), a Shiryaev-Roberts sum of bets that the edge is below half the claim.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qe_plugins.ladder.claims import Claim
from qe_plugins.ladder.evidence import HIGH

HORIZON = 250
"""Trades over which the claim's worst drawdown is taken."""

PATHS = 4_000
SEED = 20_240_102

MODEL_COST = 0.048
"""Cost in R of a round trip of 1 MES with a stop of 50 USD."""

REWARD = 2.0
NOISE = 0.1
"""Target, and spread of the exits around stop and target, of the bracket in R."""


def bracket_outcomes(
    generator: np.random.Generator, edge: float | np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return outcomes in R of a bracket whose mean is `edge`: stop at 1 R, target at 2 R."""
    wins = (1 + np.asarray(edge) + MODEL_COST) / (1 + REWARD)
    won = generator.random(shape) < wins
    outcomes: np.ndarray = np.where(won, REWARD, -1.0) - MODEL_COST
    return outcomes + generator.normal(0, NOISE, shape)


@lru_cache(maxsize=32)
def drawdown_limit(edge: float, sd: float, quantile: float) -> float:
    """Return the drawdown in R that the claim exceeds in 250 trades with 1 - `quantile`.

    Outcomes are a bracket's around the claimed edge, scaled to the claimed `sd`.
    """
    generator = np.random.default_rng(SEED)
    outcomes = bracket_outcomes(generator, edge, (PATHS, HORIZON))
    spread = float(outcomes.std())
    outcomes = edge + (outcomes - edge) * (sd / spread)
    total = np.cumsum(outcomes, axis=1)
    worst = (np.maximum.accumulate(total, axis=1) - total).max(axis=1)
    return float(np.quantile(worst, quantile))


def detector_bet(edge: float, sd: float) -> float:
    """Return the bet of the detector for each R: against half the claim, for minus half of it."""
    boundary, alternative = edge / 2, -edge / 2
    return max(min((boundary - alternative) / sd**2, 0.9 / (HIGH - boundary)), 0.0)


class Decay:
    """Drawdown and detector since a strategy is on its rung. `limit` is in R, `alarm` a number.

    A claim without an edge has no detector: only its drawdown demotes.
    """

    def __init__(self, claim: Claim, quantile: float, alarm: int) -> None:
        self.limit = drawdown_limit(claim.edge, claim.sd, quantile)
        self.alarm = float(alarm)
        self.drawdown = self.doubt = 0.0
        self._boundary = claim.edge / 2
        self._bet = detector_bet(claim.edge, claim.sd)
        self._total = self._peak = 0.0

    def add(self, outcome: float) -> None:
        """Take the outcome of one more trade, in R."""
        self._total += outcome
        self._peak = max(self._peak, self._total)
        self.drawdown = self._peak - self._total
        if self._bet > 0:
            factor = 1.0 - self._bet * (min(outcome, HIGH) - self._boundary)
            self.doubt = (self.doubt + 1.0) * max(factor, 0.0)

    @property
    def cause(self) -> str:
        """Return why it demotes, empty where it does not."""
        if self.drawdown > self.limit:
            return f"drawdown: {self.drawdown:.1f}R, the claim's limit is {self.limit:.1f}R"
        if self.doubt >= self.alarm:
            return (
                f"decay: the edge is below half the claim, {self.doubt:,.0f} of {self.alarm:,.0f}"
            )
        return ""
