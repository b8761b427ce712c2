"""What many tasks of one list have in common, computed when the first of them is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qe_plugins.fleet.features import Crosses, features_of_windows, realised
from qe_plugins.fleet.settings import Tasks
from qe_plugins.fleet.state import Bars, Market


class Shared:
    """Figures of a market for a list of tasks, each worked out once."""

    def __init__(self, tasks: Tasks, market: Market) -> None:
        self._tasks, self._market = tasks, market
        self._known: dict[tuple[Any, ...], Any] = {}  # a cache on a method would keep the market

    def shifts(self, bars: Bars, count: int) -> Sequence[int]:
        """Return by how many bars the windows of `count` end before the last."""
        wanted = self._tasks.windows
        if wanted is None:
            return ()
        most = min(wanted.back * wanted.stride, len(bars) - count + 1)
        return range(0, most, wanted.stride)

    def features(self, name: str, frame: str, count: int) -> dict[int, dict[str, float]]:
        """Return the features of every window of a size, by how far back it ends."""
        return self._once(self._features, name, frame, count)

    def crosses(self, name: str, frame: str, count: int) -> Crosses:
        """Return the averages of the latest `count` closes."""
        return self._once(self._crosses, name, frame, count)

    def volatility(self, name: str, lookback: int) -> tuple[float, float]:
        """Return the realised volatility over so many minutes, and over their last quarter."""
        return self._once(self._volatility, name, lookback)

    def _once[T](self, work: Callable[..., T], *about: Any) -> T:
        key = (work.__name__, *about)
        if key not in self._known:
            self._known[key] = work(*about)
        found: T = self._known[key]
        return found

    def _features(self, name: str, frame: str, count: int) -> dict[int, dict[str, float]]:
        bars = self._market.bars(name, frame)
        shifts = self.shifts(bars, count)
        return dict(zip(shifts, features_of_windows(bars, count, shifts), strict=True))

    def _crosses(self, name: str, frame: str, count: int) -> Crosses:
        return Crosses(self._market.bars(name, frame).window(count).close)

    def _volatility(self, name: str, lookback: int) -> tuple[float, float]:
        closes = self._market.bars(name, "1m").close[-lookback - 1 :]
        return realised(closes), realised(closes[-lookback // 4 :])
