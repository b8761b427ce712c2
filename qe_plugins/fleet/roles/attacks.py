"""ARBITER's numeric attacks on a thesis: each with a figure, a bound, and whether it held.

All are computed. A thesis passes where every attack held; with fewer than 100 trades nothing can be
said. No model's opinion changes the outcome of an attack.
"""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec
import numpy as np

from qe_plugins.fleet.backtests.trade_table import TradeTable, entries, t_of, trade_table
from qe_plugins.fleet.roles.thesis import Claims, SignalRule
from qe_plugins.fleet.tasks.snapshot import COLUMNS, DAY, SnapshotBars

LEAST_TRADES = 100
CONTROLS = 200
SEED = 1
LEAST_T = 1.65
"""Smallest t statistic of the net mean: 5% of theses without an edge reach it."""

BEATEN = 0.95
"""Part of the random-entry controls that the thesis has to beat."""

CUTS = 12
"""Moments at which its signals are computed again from the bars known by then."""

PARTICIPATION = 0.01
"""Part of the median volume of a bar that an entry may be."""


class Outcome(StrEnum):
    """What ARBITER says of a thesis."""

    PASSED = "passed"
    FAILED = "failed"
    OBJECTED = "objected"
    CANNOT_SAY = "cannot say"


class NumericAttack(msgspec.Struct, frozen=True, kw_only=True):
    """One attack: its figure, the bound it had to reach, and whether it held."""

    name: str
    figure: float
    bound: float
    held: bool


class AttackReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every attack on a thesis. `score` is the t statistic of its mean net R; `capacity` contracts.

    `break_even` is the cost of a round trip, in points, at which it earns nothing.
    """

    thesis: str
    trades: int
    mean_r: float
    score: float
    break_even: float
    capacity: int
    attacks: tuple[NumericAttack, ...]

    @property
    def outcome(self) -> Outcome:
        """Return what the numbers alone say. A leak is a failure whatever the number of trades."""
        leaks = [one for one in self.attacks if one.name == "leak"]
        if not all(one.held for one in leaks):
            return Outcome.FAILED
        if self.trades < LEAST_TRADES:
            return Outcome.CANNOT_SAY
        return Outcome.PASSED if all(one.held for one in self.attacks) else Outcome.FAILED

    @property
    def failed(self) -> tuple[str, ...]:
        """Return the names of the attacks that did not hold."""
        return tuple(one.name for one in self.attacks if not one.held)


def attack(
    name: str,
    bars: SnapshotBars,
    rule: SignalRule,
    *,
    stop: float,
    horizon: int,
    cost: float,
    claims: Claims | None = None,
) -> AttackReport:
    """Return the report of every attack; `cost` is points for a round trip."""
    signals = rule(bars)
    table = trade_table(bars, stop, horizon)
    at = entries(signals, table, horizon)
    sides = signals[at]
    net = table.r(at, sides, cost)
    leak = leaking_moments(bars, rule, signals)
    attacks = [_held_below("leak", float(leak), 0.0)]
    if len(at) >= 2:
        attacks += _of_trades(bars, signals, at, net, table, stop, horizon, cost)
    if claims is not None:
        attacks.append(_held_below("trades claimed", abs(len(at) - claims.trades), 0.0))
        off = abs(float(net.mean()) - claims.mean_r) if len(at) else math.inf
        attacks.append(_held_below("mean R claimed", round(off, 4), 0.005))
    gross = table.r(at, sides, 0.0)
    weight = float((1 / table.risk[at]).mean()) if len(at) else 0.0
    capacity = int(PARTICIPATION * float(np.median(bars.volume[at]))) if len(at) else 0
    return AttackReport(
        thesis=name,
        trades=len(at),
        mean_r=round(float(net.mean()), 4) if len(at) else 0.0,
        score=round(t_of(net), 3),
        break_even=round(float(gross.mean()) / weight, 4) if weight else 0.0,
        capacity=capacity,
        attacks=tuple(attacks),
    )


def leaking_moments(bars: SnapshotBars, rule: SignalRule, signals: np.ndarray) -> int:
    """Return at how many moments a signal changes once what came after them is not known.

    The bars after a moment are cut off in half of the cases, and replaced by a mirror of the past
    in the others: a rule that scales by all data differs in one of them.
    """
    count = len(signals)
    found = 0
    fired = np.flatnonzero(signals)
    rng = np.random.default_rng(SEED)
    spread = np.linspace(count // 4, count - 2, CUTS // 2).astype(int)
    own = rng.permutation(fired)[: CUTS // 2]
    for number, moment in enumerate([*spread.tolist(), *np.sort(own).tolist()]):
        known = rule(_cut(bars, moment) if number % 2 else _changed_after(bars, moment))
        found += not np.array_equal(known[: moment + 1], signals[: moment + 1])
    return found


def _of_trades(
    bars: SnapshotBars,
    signals: np.ndarray,
    at: np.ndarray,
    net: np.ndarray,
    table: TradeTable,
    stop: float,
    horizon: int,
    cost: float,
) -> list[NumericAttack]:
    sides = signals[at]
    days = bars.ts[at] // DAY
    odd, even = net[days % 2 == 1], net[days % 2 == 0]
    late = trade_table(bars, stop, horizon, delay=1)
    delayed = late.r(at, sides, cost)
    wider, closer = (trade_table(bars, stop * by, horizon) for by in (1.2, 0.8))
    jittered = [float(one.r(at, sides, cost).mean()) for one in (wider, closer)]
    for bars_later in (-1, 1):
        moved = np.clip(at + bars_later, 0, len(signals) - 1)
        jittered.append(float(np.nanmean(table.r(moved, sides, cost))))
    beaten = controls(at, sides, table, cost, float(net.mean()))
    return [
        _held_above("t of mean net R", t_of(net), LEAST_T),
        _held_above("odd days", _mean(odd), 0.0),
        _held_above("even days", _mean(even), 0.0),
        _held_above("last third", _mean(net[2 * len(net) // 3 :]), 0.0),
        _held_above("costs doubled", _mean(table.r(at, sides, 2 * cost)), 0.0),
        _held_above("entry a bar later", float(np.nanmean(delayed)), 0.0),
        _held_above("jitter, worst", min(jittered), 0.0),
        _held_above("random entries beaten", beaten, BEATEN),
    ]


def controls(
    at: np.ndarray, sides: np.ndarray, table: TradeTable, cost: float, mean: float
) -> float:
    """Return the part of random-entry controls with a lower mean R.

    A control has the thesis's own entries, rotated by a random number of bars: as many, as long, as
    clustered, and at other times.
    """
    usable = np.flatnonzero(np.isfinite(table.long) & (table.risk > 0))
    first, span = int(usable[0]), int(usable[-1] - usable[0] + 1)
    rng = np.random.default_rng(SEED)
    below = 0
    for offset in rng.integers(span // 20, span - span // 20, CONTROLS):
        moved = (at - first + offset) % span + first
        below += float(np.nanmean(table.r(moved, sides, cost))) < mean
    return below / CONTROLS


def _cut(bars: SnapshotBars, moment: int) -> SnapshotBars:
    return SnapshotBars(*(getattr(bars, name)[: moment + 1] for name in COLUMNS))


def _changed_after(bars: SnapshotBars, moment: int) -> SnapshotBars:
    """Return bars whose prices after a moment move the other way, twice as far."""
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    anchor = bars.close[moment]
    for name, source in zip(
        ("open", "high", "low", "close"), ("open", "low", "high", "close"), strict=True
    ):
        later = getattr(bars, source)[moment + 1 :]
        columns[name][moment + 1 :] = anchor * (anchor / later) ** 2
    columns["volume"][moment + 1 :] = bars.volume[moment + 1 :][::-1]
    return SnapshotBars(**columns)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _held_above(name: str, figure: float, bound: float) -> NumericAttack:
    return NumericAttack(name=name, figure=round(figure, 4), bound=bound, held=figure > bound)


def _held_below(name: str, figure: float, bound: float) -> NumericAttack:
    return NumericAttack(name=name, figure=figure, bound=bound, held=figure <= bound)
