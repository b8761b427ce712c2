"""The bars that a check computes features from, cut, scaled and poisoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.frames import MINUTE
from qe_plugins.features.names import Wanted


class CheckTape(msgspec.Struct, frozen=True):
    """The bars of a root's contracts, and the timeframe that they have."""

    bars: Mapping[str, Bars]
    contracts: Sequence[ListedContract]
    base: str = "1m"

    def cut(self, first: int, last: int) -> CheckTape:
        """Return the bars that close from `first` up to `last`, not included (UTC ns)."""
        found = {}
        for name, bars in self.bars.items():
            a, b = np.searchsorted(bars.ts_event, [first, last])
            if b > a:
                found[name] = bars[int(a) : int(b)]
        return CheckTape(found, self.contracts, self.base)

    def scaled(self, factor: float) -> CheckTape:
        """Return the bars with prices multiplied."""
        prices = ("open", "high", "low", "close")
        return CheckTape(
            {
                name: Bars(
                    bars.bar_type,
                    {n: c * factor if n in prices else c for n, c in bars.columns.items()},
                )
                for name, bars in self.bars.items()
            },
            self.contracts,
            self.base,
        )

    def poisoned(self, after: int) -> CheckTape:
        """Return the bars with garbage in place of those that close after a time (UTC ns)."""
        random = np.random.default_rng(1)
        found = {}
        for name, bars in self.bars.items():
            wrong, columns = bars.ts_event > after, {n: c.copy() for n, c in bars.columns.items()}
            factor = np.exp(random.normal(0, 0.02, len(bars)))
            for n in ("open", "high", "low", "close"):
                columns[n][wrong] = (columns[n] * factor)[wrong]
            high, low = columns["high"].copy(), columns["low"].copy()
            edges = [columns["open"], columns["close"], high, low]
            columns["high"][wrong] = np.maximum.reduce(edges)[wrong]
            columns["low"][wrong] = np.minimum.reduce(edges)[wrong]
            columns["volume"][wrong] = np.floor(random.random(len(bars)) * 9_999)[wrong]
            found[name] = Bars(bars.bar_type, columns)
        return CheckTape(found, self.contracts, self.base)


type Values = dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]
"""By contract: when its bars closed, and its features at them."""


def computed(wanted: Wanted, tape: CheckTape) -> Values:
    """Return the features of every bar, computed in one batch."""
    feed = FeatureFeed(wanted, tape.contracts, tape.base)
    feed.compute(tape.bars)
    return {
        name: (bars.ts_event, {one: feed.column(name, one) for one in wanted.names})
        for name, bars in tape.bars.items()
    }


def fed(wanted: Wanted, tape: CheckTape, streamed: int) -> Values:
    """Return the features of the last `streamed` minutes' bars, fed one by one."""
    last = max(int(bars.ts_event[-1]) for bars in tape.bars.values())
    cut = last - streamed * MINUTE
    feed = FeatureFeed(wanted, tape.contracts, tape.base)
    before, coming = tape.cut(0, cut), tape.cut(cut, 2**62)
    feed.compute(before.bars)
    for name, bars in before.bars.items():
        feed.views[name].skip(len(bars))
    order = sorted((int(ts), name) for name, bars in coming.bars.items() for ts in bars.ts_event)
    rows: dict[str, list[list[float]]] = {name: [] for name in coming.bars}
    at = dict.fromkeys(coming.bars, 0)
    for ts, name in order:
        feed.compute({name: coming.bars[name][at[name] : at[name] + 1]})
        feed.views[name].advance(ts)
        at[name] += 1
        rows[name].append([feed.column(name, one)[0] for one in wanted.names])
    return {
        name: (bars.ts_event, dict(zip(wanted.names, np.array(rows[name]).T, strict=True)))
        for name, bars in coming.bars.items()
    }
