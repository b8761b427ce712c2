"""Simulate a ladder on traders whose true edge is known: who reaches which rung, and at what cost.

All paths are computed together, trade by trade. A path is one strategy that trades on the lowest
live rung from its first trade on, and is demoted and promoted by the ladder's own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np

from qe_plugins.ladder.claims import BRACKET_SD
from qe_plugins.ladder.decay import bracket_outcomes, detector_bet, drawdown_limit
from qe_plugins.ladder.evidence import HIGH, LARGEST, LOW, NULL, RUIN, SPAN, EdgeEvidence
from qe_plugins.ladder.rungs import LadderFile

USUAL = 30
"""Trades of the usual rule: a rung up after so many with a profit, a rung down with a loss."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulated ladder does.

    `risks` are R in USD by live rung, `evidence` and `trades` what a promotion from each needs.
    `claim` is the edge in R that is bet on, with `sd`; without `bets_claim` only the plug-in bets.
    `limit` is the drawdown in R that demotes, None for none; `alarm` that of the detector. With
    `rising` the evidence needed is multiplied by the number of starts, and the lowest rung is left,
    too: its strategy starts again with evidence 1.
    """

    risks: tuple[float, ...]
    evidence: tuple[float, ...]
    trades: tuple[int, ...]
    claim: float = 0.2
    sd: float = BRACKET_SD
    bets_claim: bool = True
    limit: float | None = None
    alarm: float | None = None
    rising: bool = True


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """The paths of one true edge, by path: the highest rung, its first trade on each rung (-1 for
    never), P&L and worst drawdown in USD, and the rung at the end.
    """

    edge: float
    highest: np.ndarray
    first: np.ndarray
    pnl: np.ndarray
    drawdown: np.ndarray
    last: np.ndarray

    def reached(self, rung: int) -> float:
        """Return the share of paths that reached a live rung, counted from 0."""
        return float(np.mean(self.highest >= rung))

    def median_trade(self, rung: int) -> int | None:
        """Return the median trade at which a rung was reached, None where fewer than 1% did."""
        found = self.first[self.first[:, rung] >= 0, rung]
        return int(np.median(found)) if len(found) >= len(self.first) / 100 else None


def policy_of(rules: LadderFile, claim: float) -> Policy:
    """Return the policy of a ladder's file for a claim in R."""
    steps = rules.steps()
    risks = [float(one.risk) for one in (steps[0][0], *(above for _, above, _, _ in steps))]
    return Policy(
        risks=tuple(risks),
        evidence=tuple(needed for _, _, needed, _ in steps),
        trades=tuple(count for _, _, _, count in steps),
        claim=claim,
        limit=drawdown_limit(claim, BRACKET_SD, rules.demote.drawdown),
        alarm=float(rules.demote.false_alarm_trades),
    )


class CapitalPaths:
    """The e-values of all paths, as `evidence.EdgeEvidence` has one."""

    def __init__(self, paths: int, policy: Policy) -> None:
        """Begin `paths` of them at 1."""
        self._plug_in, self._claim = np.zeros(paths), np.zeros(paths)
        self._count, self._sum, self._squares = (
            np.zeros(paths),
            np.full(paths, 0.5),
            np.full(paths, 0.25),
        )
        bet = max(0.5 * policy.claim / policy.sd**2, 0.0) * SPAN
        self._bet = min(bet, LARGEST) if policy.bets_claim else None

    @classmethod
    def after(cls, evidence: EdgeEvidence, paths: int) -> Self:
        """Return `paths` e-values that go on where one is."""
        made = cls(paths, Policy(risks=(), evidence=(), trades=()))
        claim, plug_in, total, squares, bet = evidence.state
        made._claim[:], made._plug_in[:], made._sum[:] = claim, plug_in, total
        made._squares[:], made._count[:], made._bet = squares, evidence.trades, bet
        return made

    def add(self, outcomes: np.ndarray) -> np.ndarray:
        """Return the logarithm of the e-values after one more outcome of each path."""
        unit = (np.minimum(outcomes, HIGH) - LOW) / SPAN
        gain = unit - NULL
        mean = self._sum / (self._count + 1)
        edge = mean - NULL
        bet = np.clip(edge / (self._squares / (self._count + 1) + edge**2), 0.0, LARGEST)
        self._plug_in += np.log(np.maximum(1 + bet * gain, RUIN))
        self._count += 1
        self._sum += unit
        self._squares += (unit - self._sum / (self._count + 1)) ** 2
        if self._bet is None:
            return self._plug_in
        self._claim += np.log(np.maximum(1 + self._bet * gain, RUIN))
        both: np.ndarray = np.logaddexp(self._claim, self._plug_in) - np.log(2)
        return both

    def restart(self, which: np.ndarray) -> None:
        """Start the e-values of some paths again."""
        for values, first in (
            (self._plug_in, 0.0),
            (self._claim, 0.0),
            (self._count, 0.0),
            (self._sum, 0.5),
            (self._squares, 0.25),
        ):
            values[which] = first


def simulate(
    edge: float | Sequence[float],
    policy: Policy,
    *,
    paths: int,
    trades: int,
    seed: int,
) -> Simulated:
    """Return `paths` strategies of a true edge in R over `trades`; a sequence is one a trade."""
    generator = np.random.default_rng(seed)
    edges = np.broadcast_to(np.asarray(edge, float), (trades,))
    risks, needed = np.array(policy.risks), np.log(np.array([*policy.evidence, np.inf]))
    least = np.array([*policy.trades, np.iinfo(np.int64).max])
    rung, starts = np.zeros(paths, int), np.ones(paths)
    on_rung = np.zeros(paths, int)
    total, peak, doubt = np.zeros(paths), np.zeros(paths), np.zeros(paths)
    dollars, high, worst = np.zeros(paths), np.zeros(paths), np.zeros(paths)
    first = np.full((paths, len(risks)), -1)
    first[:, 0] = 0
    bet, boundary = detector_bet(policy.claim, policy.sd), policy.claim / 2
    capital = CapitalPaths(paths, policy)
    for at in range(trades):
        outcomes = bracket_outcomes(generator, float(edges[at]), (paths,))
        value = capital.add(outcomes)
        dollars += risks[rung] * outcomes
        high = np.maximum(high, dollars)
        worst = np.minimum(worst, dollars - high)
        on_rung += 1
        total += outcomes
        peak = np.maximum(peak, total)
        falls = np.zeros(paths, bool)
        if policy.limit is not None:
            falls |= peak - total > policy.limit
        if policy.alarm is not None:
            doubt = (doubt + 1) * np.maximum(1 - bet * (np.minimum(outcomes, HIGH) - boundary), 0.0)
            falls |= doubt >= policy.alarm
        if not policy.rising:
            falls &= rung > 0
        threshold = needed[rung] + (np.log(starts) if policy.rising else 0.0)
        rises = (value >= threshold) & (on_rung >= least[rung]) & ~falls
        changes = rises | falls
        if not changes.any():
            continue
        rung = np.where(rises, rung + 1, np.where(falls, np.maximum(rung - 1, 0), rung))
        new = rises & (first[np.arange(paths), rung] < 0)
        first[new, rung[new]] = at
        starts[falls] += 1
        on_rung[changes] = 0
        total[changes] = peak[changes] = doubt[changes] = 0.0
        capital.restart(falls)
    highest = (first >= 0).cumsum(axis=1).max(axis=1) - 1
    return Simulated(
        edge=float(edges[0]),
        highest=highest,
        first=first,
        pnl=dollars,
        drawdown=-worst,
        last=rung,
    )


def usual_rule(
    edge: float, risks: Sequence[float], *, paths: int, trades: int, seed: int
) -> Simulated:
    """Return the same for the usual rule: up after 30 trades with a profit, else down."""
    generator = np.random.default_rng(seed)
    dollar = np.array(risks)
    rung, total = np.zeros(paths, int), np.zeros(paths)
    dollars, high, worst = np.zeros(paths), np.zeros(paths), np.zeros(paths)
    first = np.full((paths, len(dollar)), -1)
    first[:, 0] = 0
    for at in range(trades):
        outcomes = bracket_outcomes(generator, edge, (paths,))
        dollars += dollar[rung] * outcomes
        high = np.maximum(high, dollars)
        worst = np.minimum(worst, dollars - high)
        total += outcomes
        if (at + 1) % USUAL:
            continue
        rung = np.clip(rung + np.where(total > 0, 1, -1), 0, len(dollar) - 1)
        new = first[np.arange(paths), rung] < 0
        first[new, rung[new]] = at
        total[:] = 0.0
    highest = (first >= 0).cumsum(axis=1).max(axis=1) - 1
    return Simulated(
        edge=edge,
        highest=highest,
        first=first,
        pnl=dollars,
        drawdown=-worst,
        last=rung,
    )


def first_alarm(
    edge: float,
    *,
    limit: float | None = None,
    alarm: float | None = None,
    claim: float = 0.2,
    sd: float = BRACKET_SD,
    paths: int,
    trades: int,
    seed: int,
) -> np.ndarray:
    """Return the trade of the first demotion by a drawdown of `limit` R, or by the detector.

    By path, counted from 1; `trades` + 1 where there was none.
    """
    generator = np.random.default_rng(seed)
    total, peak, doubt = np.zeros(paths), np.zeros(paths), np.zeros(paths)
    found = np.full(paths, trades + 1)
    bet, boundary = detector_bet(claim, sd), claim / 2
    for at in range(1, trades + 1):
        outcomes = bracket_outcomes(generator, edge, (paths,))
        total += outcomes
        peak = np.maximum(peak, total)
        reached = np.zeros(paths, bool)
        if limit is not None:
            reached |= peak - total > limit
        if alarm is not None:
            doubt = (doubt + 1) * np.maximum(1 - bet * (np.minimum(outcomes, HIGH) - boundary), 0.0)
            reached |= doubt >= alarm
        found[reached & (found > at)] = at
    return found


class Peeking(msgspec.Struct, frozen=True, kw_only=True):
    """How often rules fire on strategies without an edge that are read after every trade."""

    t_after_20: float
    t_after_60: float
    evidence_20: float


def peeking(policy: Policy, *, paths: int, trades: int, seed: int) -> Peeking:
    """Return how often a t of 1.645 after 20 trades, of 1 after 60, and evidence 20 are reached."""
    outcomes = bracket_outcomes(np.random.default_rng(seed), 0.0, (paths, trades))
    counts = np.arange(1, trades + 1)
    t = np.cumsum(outcomes, axis=1) / np.sqrt(counts) / outcomes.std()
    capital, ever = CapitalPaths(paths, policy), np.zeros(paths, bool)
    for at in range(trades):
        ever |= capital.add(outcomes[:, at]) >= np.log(20)
    return Peeking(
        t_after_20=float(((t > 1.645) & (counts >= 20)).any(axis=1).mean()),
        t_after_60=float(((t > 1.0) & (counts >= 60)).any(axis=1).mean()),
        evidence_20=float(ever.mean()),
    )
