"""Momentum: propose to follow a move that is large for the market's own noise.

A rule and not a model; no claim of edge.

The move over the last bars is measured in units of the move expected of a random walk with the same
noise: the mean true range times the square root of the number of bars. There is one signal when a
move begins, and the next one only after the move has faded or reversed.

Without a trigger it is called at every bar. A trigger, such as `abs(1m.drift.30) > 1` in YAML, is
part of the rule: a move also has to be large for the deviation of its returns. The bars at which it
was not called are then read from history.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from qe_plugins import Plugin, PluginConfig, Role, Side, Signal, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, BarType

    from qe_plugins import History

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=2)]


class HunterMomentumConfig(PluginConfig, frozen=True):
    """`bars` is the number of bars of a move, `noise_bars` that of the noise.

    `threshold` is the smallest move for a signal in units of noise; `stop` is the distance to
    the stop in mean true ranges, `reward` the target in units of that distance.
    """

    bars: Count = 30
    noise_bars: Count = 60
    threshold: Positive = 1.5
    stop: Positive = 3.0
    reward: Positive = 2.0


class Move:
    """The last bars of one type. `size` is the move over them in units of noise.

    `noise` is the mean true range in points. Both are 0 before there are enough bars. `begins` says
    that the last bar is the first of a move of at least `threshold` in its direction.
    """

    def __init__(self, config: HunterMomentumConfig) -> None:
        self._closes: deque[float] = deque(maxlen=config.bars + 1)
        self._ranges: deque[float] = deque(maxlen=config.noise_bars)
        self._volumes: deque[float] = deque(maxlen=config.bars)
        self._threshold, self._expected = config.threshold, math.sqrt(config.bars)
        self._needed = max(config.bars, config.noise_bars) + 2
        self._side = self._newest = 0
        self.size = self.noise = 0.0
        self.begins = False

    def add_bar(self, bar: Bar) -> None:
        """Add the bar that has just closed."""
        numbers = (bar.high, bar.low, bar.close, bar.volume)
        self._add(*(one.as_double() for one in numbers))

    def catch_up(self, kind: BarType, history: History) -> None:
        """Add the bars of a type that have closed since the last call, as many as matter."""
        bars = history.last(str(kind), self._needed)
        new = slice(int(bars.ts_event.searchsorted(self._newest, "right")), None)
        columns = (bars.high[new], bars.low[new], bars.close[new], bars.volume[new])
        for numbers in zip(*(one.tolist() for one in columns), strict=True):
            self._add(*numbers)
        self._newest = int(bars.ts_event[-1]) if len(bars) else 0

    def _add(self, high: float, low: float, close: float, volume: float) -> None:
        before = self._closes[-1] if self._closes else close
        self._closes.append(close)
        self._ranges.append(max(high, before) - min(low, before))
        self._volumes.append(volume)
        if len(self._closes) == self._closes.maxlen and len(self._ranges) == self._ranges.maxlen:
            self.noise = sum(self._ranges) / len(self._ranges)
            expected = self.noise * self._expected
            self.size = (close - self._closes[0]) / expected if expected > 0 else 0.0
        side = 0 if abs(self.size) < self._threshold else 1 if self.size > 0 else -1
        self.begins = side not in (0, self._side)
        self._side = side

    @property
    def volume(self) -> float:
        """Return the contracts traded over the bars of a move."""
        return sum(self._volumes)


class HunterMomentum(Plugin):
    """Proposes to follow a large move, in the contract with the most volume."""

    role = Role.HUNTER
    Config = HunterMomentumConfig
    config: HunterMomentumConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.moves: dict[object, Move] = {}

    @hookimpl
    def contribute_signals(self, bar: Bar, cache: Cache, history: History) -> Signal | None:
        """Return a signal at the bar where a move begins."""
        kind = bar.bar_type
        move = self._move(kind)
        if self.config.trigger is None:
            move.add_bar(bar)
        else:
            move.catch_up(kind, history)
        if not move.begins:
            return None
        if self.config.trigger is not None:
            for other in cache.bar_types(kind.aggregation_source):
                if other.spec == kind.spec:
                    self._move(other).catch_up(other, history)
        if any(one.volume > move.volume for one in self.moves.values()):
            return None
        contract = kind.instrument_id
        instrument = cache.instrument(contract)
        assert instrument is not None
        return self.signal(str(contract), instrument.price_increment.as_decimal(), bar, move)

    def _move(self, kind: BarType) -> Move:
        move = self.moves.get(kind)
        if move is None:
            move = self.moves[kind] = Move(self.config)
        return move

    def signal(self, contract: str, tick: Decimal, bar: Bar, move: Move) -> Signal:
        """Return the signal for a move, with stop and target on the tick grid."""
        entry = bar.close.as_decimal()
        risk = ticks_up(self.config.stop * move.noise / float(tick))
        gain = ticks_up(risk * self.config.reward)
        up = 1 if move.size > 0 else -1
        return Signal(
            instrument_id=contract,
            side=Side.LONG if up > 0 else Side.SHORT,
            reason=f"moved {move.size:+.1f} times the noise in {self.config.bars} bars",
            confidence=min(1.0, abs(move.size) / (2 * self.config.threshold)),
            entry=entry,
            stop=entry - up * risk * tick,
            target=entry + up * gain * tick,
            facts={"move": round(move.size, 3), "noise_points": round(move.noise, 3)},
        )


def ticks_up(ticks: float) -> int:
    """Return whole ticks, rounded up, at least one: a risk is never understated."""
    return max(math.ceil(ticks), 1)
