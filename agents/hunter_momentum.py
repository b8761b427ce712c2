"""Momentum: a move that is large for the market's own noise is noticed, and sometimes goes on.

A rule and not a model; no claim of edge.

The move over the last bars is measured against what a random walk of the same noise would make of
them: average true range times the square root of their number. One signal is given when a move
begins; the next only after it has faded or turned.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.indicators import AverageTrueRange

from qe_plugins import Plugin, PluginConfig, Role, Side, Signal, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, BarType

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=2)]


class HunterMomentumConfig(PluginConfig, frozen=True):
    """`bars` is how far back a move is measured and `noise_bars` how far the noise.

    `threshold` is the size of a move worth a signal, in units of noise; `stop` is the distance to
    the stop in average true ranges, `reward` the target in units of that distance.
    """

    bars: Count = 30
    noise_bars: Count = 60
    threshold: Positive = 1.5
    stop: Positive = 3.0
    reward: Positive = 2.0


class Tape:
    """What the hunter remembers of the bars of one contract."""

    def __init__(self, bar_type: BarType, config: HunterMomentumConfig) -> None:
        self.bar_type = bar_type
        self.closes: deque[float] = deque(maxlen=config.bars + 1)
        self.bars: deque[Bar] = deque(maxlen=config.bars)
        self.noise = AverageTrueRange(config.noise_bars)
        self.random_walk = math.sqrt(config.bars)
        self.side = Side.FLAT
        self.ready = False

    def add(self, bar: Bar) -> float:
        """Take in a bar; return the move in units of noise, 0 before there are enough bars."""
        close = bar.close.as_double()
        self.closes.append(close)
        self.bars.append(bar)
        self.noise.handle_bar(bar)
        if not self.ready:
            self.ready = len(self.closes) == self.closes.maxlen and self.noise.initialized
            if not self.ready:
                return 0.0
        expected = self.noise.value * self.random_walk
        return (close - self.closes[0]) / expected if expected else 0.0

    def volume(self) -> float:
        """Return the contracts traded over the bars that a move is measured on."""
        return sum(bar.volume.as_double() for bar in self.bars)


class HunterMomentum(Plugin):
    """Wish to go with a move that stands out, in the contract that trades most."""

    role = Role.HUNTER
    Config = HunterMomentumConfig
    config: HunterMomentumConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.tapes: dict[BarType, Tape] = {}
        self.last: Tape | None = None

    @hookimpl
    def contribute_signals(self, bar: Bar, cache: Cache) -> Signal | None:
        """Return a signal at the bar where a move begins."""
        tape = self.last
        if tape is None or bar.bar_type != tape.bar_type:
            tape = self.last = self.tape(bar.bar_type)
        move = tape.add(bar)
        side = self.side_of(move)
        if side is tape.side:
            return None
        tape.side = side
        if side is Side.FLAT or not self.leads(tape):
            return None
        tick = cache.instrument(bar.bar_type.instrument_id).price_increment.as_decimal()
        return self.signal(bar, side, move, tape.noise.value, tick)

    def tape(self, bar_type: BarType) -> Tape:
        """Return the tape of a contract."""
        tape = self.tapes.get(bar_type)
        if tape is None:
            tape = self.tapes[bar_type] = Tape(bar_type, self.config)
        return tape

    def side_of(self, move: float) -> Side:
        """Return the side that a move speaks for."""
        if move >= self.config.threshold:
            return Side.LONG
        return Side.SHORT if move <= -self.config.threshold else Side.FLAT

    def leads(self, tape: Tape) -> bool:
        """Say whether no other contract traded more of late."""
        others = [other for other in self.tapes.values() if other is not tape]
        return not others or tape.volume() >= max(other.volume() for other in others)

    def signal(self, bar: Bar, side: Side, move: float, noise: float, tick: Decimal) -> Signal:
        """Return the wish, with stop and target on the tick grid."""
        entry = bar.close.as_decimal()
        risk = ticks_up(self.config.stop * noise, tick)
        gain = ticks_up(float(risk) * self.config.reward, tick)
        up = 1 if side is Side.LONG else -1
        return Signal(
            instrument_id=str(bar.bar_type.instrument_id),
            side=side,
            reason=f"moved {move:+.1f} times the noise in {self.config.bars} bars",
            confidence=min(1.0, abs(move) / (2 * self.config.threshold)),
            entry=entry,
            stop=entry - up * risk,
            target=entry + up * gain,
            facts={"move": round(move, 3), "noise_points": round(noise, 3)},
        )


def ticks_up(points: float, tick: Decimal) -> Decimal:
    """Return `points` as whole ticks, rounded up, at least one: a risk is never understated."""
    ticks = (Decimal(str(points)) / tick).to_integral_value(ROUND_CEILING)
    return max(ticks, Decimal(1)) * tick
