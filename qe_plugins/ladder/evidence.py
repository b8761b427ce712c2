"""Evidence that an edge is above zero: an e-value, which may be read after every trade.

A bet on every outcome, multiplied (Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", 2024). Where there is no edge the capital does not grow on average, however
often and whenever it is read: P(it is ever at least 40) is at most 1/40.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, inf, log

import msgspec
import numpy as np

from qe_plugins.ladder.claims import Claim

LOW, HIGH = -1.3, 2.3
"""Bounds of an outcome in R: the bracket's, with its slippage. More than HIGH counts as HIGH; a
loss beyond LOW counts in full."""

SPAN = HIGH - LOW
NULL = -LOW / SPAN
"""An outcome of 0 R on the unit scale between the bounds."""

LARGEST = 0.5 / NULL
"""The largest bet on the unit scale: a loss at LOW costs half of the capital."""

RUIN = 1e-12
"""What is left of a bet that a loss far beyond LOW would have turned negative."""

GRID = 0.01
"""Step in R of the confidence sequence."""


def evidence_needed(threshold: float, starts: int) -> float:
    """Return the evidence that a promotion needs of a process that was started `starts` times."""
    return threshold * max(starts, 1)


class EdgeEvidence:
    """The e-process of one strategy version: half of the capital bets the claim, half a plug-in.

    The plug-in bets by mean and variance of the outcomes so far, both drawn toward the middle of
    the bounds. `trades` counts the outcomes.
    """

    def __init__(self, claim: Claim) -> None:
        self.trades = 0
        self.total = 0.0
        self._claim_bet = min(claim.bet * SPAN, LARGEST)
        self._log_claim = self._log_plug_in = 0.0
        self._sum, self._squares = 0.5, 0.25

    def add(self, outcome: float) -> None:
        """Take the outcome of one more trade, in R."""
        bounded = min(outcome, HIGH)
        unit = (bounded - LOW) / SPAN
        count = self.trades + 1
        mean, variance = self._sum / count, self._squares / count
        edge = mean - NULL
        bet = min(max(edge / (variance + edge**2), 0.0), LARGEST)
        self._log_plug_in += log(max(1.0 + bet * (unit - NULL), RUIN))
        self._log_claim += log(max(1.0 + self._claim_bet * (unit - NULL), RUIN))
        self.trades += 1
        self.total += outcome
        self._sum += unit
        self._squares += (unit - self._sum / (self.trades + 1)) ** 2

    @property
    def log_value(self) -> float:
        """Return the natural logarithm of the e-value."""
        larger = max(self._log_claim, self._log_plug_in)
        smaller = min(self._log_claim, self._log_plug_in)
        return larger + log(0.5 + 0.5 * exp(smaller - larger))

    @property
    def value(self) -> float:
        """Return the e-value: 1 before the first trade."""
        return exp(self.log_value) if self.log_value < 700 else inf

    @property
    def state(self) -> tuple[float, float, float, float, float]:
        """Return the logarithms of both halves, the plug-in's sums, and the bet of the claim."""
        plug_in = (self._log_plug_in, self._sum, self._squares)
        return (self._log_claim, *plug_in, self._claim_bet)

    @property
    def mean(self) -> float | None:
        """Return the mean outcome in R, None before the first trade."""
        return self.total / self.trades if self.trades else None


def evidence_of(claim: Claim, outcomes: Iterable[float]) -> EdgeEvidence:
    """Return the evidence of outcomes in R, oldest first."""
    found = EdgeEvidence(claim)
    for outcome in outcomes:
        found.add(outcome)
    return found


class EdgeSequence(msgspec.Struct, frozen=True, kw_only=True):
    """A confidence sequence of the edge in R a trade: it holds at every trade at once."""

    low: float
    high: float
    level: float


def edge_sequence(outcomes: Sequence[float], level: float = 0.95) -> EdgeSequence:
    """Return the confidence sequence of the edge after these outcomes, by hedged bets.

    It covers the true mean of outcomes within the bounds at every trade with probability `level`.
    """
    doubt = 1.0 - level
    edges = np.arange(LOW, HIGH + GRID / 2, GRID)
    means = np.clip((edges - LOW) / SPAN, 1e-6, 1 - 1e-6)
    up, down = np.zeros_like(means), np.zeros_like(means)
    inside = np.ones(means.shape, bool)
    total, squares = 0.5, 0.25
    for count, outcome in enumerate(outcomes, start=1):
        unit = (min(outcome, HIGH) - LOW) / SPAN
        variance = squares / count
        bet = np.sqrt(2 * log(2 / doubt) / (variance * count * log(1 + count)))
        gain = unit - means
        up += np.log(np.maximum(1 + np.minimum(bet, 0.5 / means) * gain, RUIN))
        down += np.log(np.maximum(1 - np.minimum(bet, 0.5 / (1 - means)) * gain, RUIN))
        inside &= np.logaddexp(up, down) - log(2) < log(1 / doubt)
        total += unit
        squares += (unit - total / (count + 1)) ** 2
    kept = edges[inside]
    if not kept.size:
        kept = edges[[int(np.argmin(np.logaddexp(up, down)))]]
    return EdgeSequence(low=float(kept[0]), high=float(kept[-1]), level=level)
