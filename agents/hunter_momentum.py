"""Momentum: a move that is large for the market's own noise is noticed, and sometimes goes on.

A rule and not a model; no claim of edge.

The move over the last bars is measured against what a random walk of the same noise would make of
them: the mean true range times the square root of their number. One signal is given when a move
begins; the next only after it has faded or turned.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from qe_plugins import Bars, History, Plugin, PluginConfig, Role, Side, Signal, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, FuturesContract

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=2)]


class HunterMomentumConfig(PluginConfig, frozen=True):
    """`bars` is how far back a move is measured and `noise_bars` how far the noise.

    `threshold` is the size of a move worth a signal, in units of noise; `stop` is the distance to
    the stop in mean true ranges, `reward` the target in units of that distance.
    """

    bars: Count = 30
    noise_bars: Count = 60
    threshold: Positive = 1.5
    stop: Positive = 3.0
    reward: Positive = 2.0


class HunterMomentum(Plugin):
    """Wish to go with a move that stands out, in the contract that trades most."""

    role = Role.HUNTER
    Config = HunterMomentumConfig
    config: HunterMomentumConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.lookback = max(self.config.bars, self.config.noise_bars) + 1
        self.wishes: dict[str, dict[int, Signal]] = {}

    @hookimpl
    def screen_bars(self, bars: Bars, instrument: FuturesContract) -> np.ndarray:
        """Name the bars at which a move begins, and note a wish for each."""
        sizes, noise = self.moves(bars)
        sides = np.sign(sizes) * (np.abs(sizes) >= self.config.threshold)
        begins = (sides != 0) & (sides != np.concatenate(([0.0], sides[:-1])))
        columns = (bars.ts_event, bars.close, sizes, noise)
        rows = zip(*(column[begins].tolist() for column in columns), strict=True)
        wish = partial(self.wish, str(instrument.id), instrument.price_increment.as_decimal())
        self.wishes[bars.bar_type] = {closed: wish(*move) for closed, *move in rows}
        return begins

    @hookimpl
    def contribute_signals(self, bar: Bar, history: History) -> Signal | None:
        """Return a signal at the bar where a move begins."""
        bar_type = str(bar.bar_type)
        wish = self.wishes.get(bar_type, {}).get(bar.ts_event)
        alone = len(self.wishes) == 1
        return wish if wish is not None and (alone or self.leads(bar_type, history)) else None

    def moves(self, bars: Bars) -> tuple[np.ndarray, np.ndarray]:
        """Return the move at each bar in units of noise, and the noise in points.

        Both are 0 before there are enough bars.
        """
        back, count, close = self.config.bars, self.config.noise_bars, bars.close
        sizes, noise = np.zeros(len(bars)), np.zeros(len(bars))
        if len(bars) > max(back, count - 1):
            before = np.concatenate((close[:1], close[:-1]))
            ranges = np.maximum(bars.high, before) - np.minimum(bars.low, before)
            noise[count - 1 :] = sliding_window_view(ranges, count).sum(axis=-1) / count
            expected = noise[back:] * math.sqrt(back)
            moved = close[back:] - close[:-back]
            np.divide(moved, expected, out=sizes[back:], where=expected > 0)
        return sizes, noise

    def leads(self, bar_type: str, history: History) -> bool:
        """Say whether no other contract traded more of late."""
        others = [self.volume(other, history) for other in self.wishes if other != bar_type]
        return self.volume(bar_type, history) >= max(others)

    def volume(self, bar_type: str, history: History) -> float:
        """Return the contracts traded over the bars that a move is measured on."""
        return sum(history.last(bar_type, self.config.bars).floats("volume"))

    def wish(self, contract: str, tick: Decimal, close: float, move: float, noise: float) -> Signal:
        """Return the signal for a move, with stop and target on the tick grid."""
        entry = Decimal(repr(close)).quantize(tick)
        risk = ticks_up(self.config.stop * noise / float(tick))
        gain = ticks_up(risk * self.config.reward)
        up = 1 if move > 0 else -1
        return Signal(
            instrument_id=contract,
            side=Side.LONG if up > 0 else Side.SHORT,
            reason=f"moved {move:+.1f} times the noise in {self.config.bars} bars",
            confidence=min(1.0, abs(move) / (2 * self.config.threshold)),
            entry=entry,
            stop=entry - up * risk * tick,
            target=entry + up * gain * tick,
            facts={"move": round(move, 3), "noise_points": round(noise, 3)},
        )


def ticks_up(ticks: float) -> int:
    """Return whole ticks, rounded up, at least one: a risk is never understated."""
    return max(math.ceil(ticks), 1)
