"""Whom to ask for signals at a bar: everybody, but those who named their bars beforehand."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.data.pieces import Columns
from qe_plugins.engine.history import History
from qe_plugins.engine.instruments import instrument_of
from qe_plugins.engine.recorder import Recorder
from qe_plugins.errors import StrategyError
from qe_plugins.manager import Asker, Implementation, Plugins

CHECKED = 64
"""Bars of each piece that a screen is asked about once more, without those after them."""


class Screens:
    """Asks `screen_bars` about a piece of the tape at once, then knows whom to ask at each bar.

    Bars that no piece had, as in a live session, are screened one by one as they come. `named` are
    the moments (UTC ns) of bars at which somebody is to be asked who is not asked at all of them,
    `until` is the last moment that is known of, and `skips` says that nobody is asked at the rest.
    """

    def __init__(self, plugins: Plugins, cache: Any, history: History, recorder: Recorder) -> None:
        self._plugins, self._history, self._recorder = plugins, history, recorder
        self._cache = cache
        self._everyone = plugins.bind("contribute_signals")
        screening = plugins.bind("screen_bars")
        self._screens = screening.implementations if screening else ()
        self._askers: dict[frozenset[str], Asker | None] = {}
        self.named: dict[int, dict[str, Asker | None]] = {}
        self.until = 0
        self._usual = self._asker(frozenset())
        self.skips = bool(self._screens) and self._usual is None

    def expects(self, columns: Columns) -> None:
        """Take the bars that are heard next, and have them screened.

        Raises StrategyError where a screen looks ahead, or further back than it says.
        """
        self.named.clear()
        for bar_type in columns.bar_types if self._screens else ():
            bars, named = columns.of(bar_type), defaultdict[int, set[str]](set)
            for screen in self._screens:
                for row in self._rows(screen, bar_type, len(bars)):
                    named[row].add(screen.plugin)
            stamps = bars.ts_init.tolist()
            self.until = max(self.until, stamps[-1])
            for row, plugins in named.items():
                askers = self.named.setdefault(stamps[row], {})
                askers[bar_type] = self._asker(frozenset(plugins))

    def asker(self, bar: Any) -> Asker | None:
        """Return whom to ask for signals at a bar, None where nobody is to be asked."""
        ts = bar.ts_init
        if ts > self.until and self._screens:
            self._screen(bar)
        named = self.named.get(ts)
        return self._usual if named is None else named.get(str(bar.bar_type), self._usual)

    def _screen(self, bar: Any) -> None:
        """Have a bar screened that has just closed."""
        bar_type, plugins = str(bar.bar_type), set()
        for screen in self._screens:
            bars = self._history.last(bar_type, self._lookback(screen) + 1)
            if self._answer(screen, bars)[-1:].any():
                plugins.add(screen.plugin)
        self.named.clear()
        self.named[bar.ts_init] = {bar_type: self._asker(frozenset(plugins))}

    def _rows(self, screen: Implementation, bar_type: str, count: int) -> list[int]:
        """Return which of the `count` bars that come a plugin wants to be asked about."""
        back = self._lookback(screen)
        bars = self._history.coming(bar_type, back, count)
        end = len(bars) - count // 2
        checked = min(CHECKED, end)
        alone = self._answer(screen, bars[max(end - checked - back, 0) : end])
        found = self._answer(screen, bars)
        if (alone[-checked:] != found[end - checked : end]).any():
            what = ValueError(f"the answer for a bar is another one without all but {back} before")
            raise StrategyError(f"plugin {screen.plugin}", what, at="screen_bars", details="")
        rows: list[int] = np.flatnonzero(found[len(bars) - count :]).tolist()
        return rows

    def _answer(self, screen: Implementation, bars: Bars) -> np.ndarray:
        """Return what a plugin says of bars; that it wants none of them where it fails."""
        contract = instrument_of(self._cache, bars.instrument_id)
        [said] = Asker([screen], first=False)(bars=bars, instrument=contract)
        error, none = said.error, np.zeros(len(bars), np.bool_)
        if error is None and said.value is not None:
            rows = np.asarray(said.value)
            if rows.dtype == np.bool_ and rows.shape == none.shape:
                return rows
            error = TypeError(f"{len(bars)} times True or False are needed, was {said.value!r}")
            screen.tally.failed += 1
        if error is not None:
            ts = int(bars.ts_event[-1]) if len(bars) else 0
            self._recorder.failure(screen.plugin, screen.hook, error, ts)
        return none

    def _lookback(self, screen: Implementation) -> int:
        return self._plugins.member(screen.plugin).lookback

    def _asker(self, named: frozenset[str]) -> Asker | None:
        """Return those who are always asked, and those of the others who named a bar."""
        if named not in self._askers:
            absent = {screen.plugin for screen in self._screens} - named
            everyone = self._everyone.implementations if self._everyone else ()
            asked = [one for one in everyone if one.plugin not in absent]
            self._askers[named] = Asker(asked, first=False) if asked else None
        return self._askers[named]
