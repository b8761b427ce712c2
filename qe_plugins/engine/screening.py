"""Put a screen to the plugins that have it: many bars at once, and no look at what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.engine.history import History
from qe_plugins.engine.instruments import instrument_of
from qe_plugins.engine.recorder import Recorder
from qe_plugins.errors import StrategyError
from qe_plugins.manager import Asker, Implementation, Plugins

CHECKED = 64
"""Bars of each piece that a screen is asked about once more, without those after them."""


class Screening:
    """Asks one hook that names bars. `screens` are the plugins' methods for it, in call order.

    `otherwise` is what a plugin that fails is taken to say of every bar.
    """

    def __init__(
        self,
        hook: str,
        plugins: Plugins,
        cache: Any,
        history: History,
        recorder: Recorder,
        *,
        otherwise: bool,
    ) -> None:
        self._plugins, self._cache = plugins, cache
        self._history, self._recorder = history, recorder
        self._otherwise = otherwise
        asker = plugins.bind(hook)
        self.screens: tuple[Implementation, ...] = asker.implementations if asker else ()

    def coming(self, screen: Implementation, bar_type: str, count: int) -> np.ndarray | None:
        """Return what a plugin says of each of the `count` bars that are heard next.

        None where it says nothing of such bars. Raises StrategyError where it looks ahead, or
        further back than it says.
        """
        back = self._lookback(screen)
        bars = self._history.coming(bar_type, back, count)
        end = len(bars) - count // 2
        checked = min(CHECKED, end)
        alone = self._answer(screen, bars[max(end - checked - back, 0) : end])
        found = self._answer(screen, bars)
        if not _agree(alone, found, end, checked):
            what = ValueError(f"the answer for a bar is another one without all but {back} before")
            raise StrategyError(f"plugin {screen.plugin}", what, at=screen.hook, details="")
        return None if found is None else found[len(bars) - count :]

    def names_last(self, screen: Implementation, bar_type: str) -> bool:
        """Say whether a plugin names the bar that has just closed."""
        found = self._answer(screen, self._history.last(bar_type, self._lookback(screen) + 1))
        return found is not None and bool(found[-1:].any())

    def _answer(self, screen: Implementation, bars: Bars) -> np.ndarray | None:
        """Return what a plugin says of bars; the same of all of them where it fails."""
        contract = instrument_of(self._cache, bars.instrument_id)
        [said] = Asker([screen], first=False)(bars=bars, instrument=contract)
        error = said.error
        if error is None:
            if said.value is None:
                return None
            rows = np.asarray(said.value)
            if rows.dtype == np.bool_ and rows.shape == (len(bars),):
                return rows
            error = TypeError(f"{len(bars)} times True or False are needed, was {said.value!r}")
            screen.tally.failed += 1
        ts = int(bars.ts_event[-1]) if len(bars) else 0
        self._recorder.failure(screen.plugin, screen.hook, error, ts)
        return np.full(len(bars), self._otherwise)

    def _lookback(self, screen: Implementation) -> int:
        return self._plugins.member(screen.plugin).lookback


def _agree(alone: np.ndarray | None, found: np.ndarray | None, end: int, checked: int) -> bool:
    """Say whether the last `checked` bars before number `end` got the same answer twice."""
    if alone is None or found is None:
        return alone is found
    return bool((alone[-checked:] == found[end - checked : end]).all())
