"""What many tasks of one list have in common, computed when the first of them is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from qe_plugins.fleet.features import Crosses, features_of_windows, realised
from qe_plugins.fleet.settings import Tasks
from qe_plugins.fleet.state import Bars, Market


class Shared:
    """Figures of a market for a list of tasks, each worked out once."""

    def __init__(self, tasks: Tasks, market: Market) -> None:
        self._tasks, self._market = tasks, market
        self.features = cache(self._features)
        self.crosses = cache(self._crosses)
        self.volatility = cache(self._volatility)

    def shifts(self, bars: Bars, count: int) -> Sequence[int]:
        """Return by how many bars the windows of `count` end before the last."""
        wanted = self._tasks.windows
        if wanted is None:
            return ()
        most = min(wanted.back * wanted.stride, len(bars) - count + 1)
        return range(0, most, wanted.stride)

    def _features(self, name: str, frame: str, count: int) -> dict[int, dict[str, float]]:
        """Return the features of every window of a size, by how far back it ends."""
        bars = self._market.bars(name, frame)
        shifts = self.shifts(bars, count)
        return dict(zip(shifts, features_of_windows(bars, count, shifts), strict=True))

    def _crosses(self, name: str, frame: str, count: int) -> Crosses:
        return Crosses(self._market.bars(name, frame).window(count).close)

    def _volatility(self, name: str, lookback: int) -> tuple[float, float]:
        """Return the realised volatility over so many minutes, and over their last quarter."""
        closes = self._market.bars(name, "1m").close[-lookback - 1 :]
        return realised(closes), realised(closes[-lookback // 4 :])
