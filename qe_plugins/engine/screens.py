"""Whom to ask for signals at a bar: everybody, but those who named their bars beforehand."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from qe_plugins.data.pieces import Columns
from qe_plugins.engine.history import History
from qe_plugins.engine.recorder import Recorder
from qe_plugins.engine.screening import Screening
from qe_plugins.manager import Asker, Plugins


class Screens:
    """Asks `screen_bars` about a piece of the tape at once, then knows whom to ask at each bar.

    Bars that no piece had, as in a live session, are screened one by one as they come. `named` are
    the moments (UTC ns) of bars at which somebody is to be asked who is not asked at all of them,
    `until` is the last moment that is known of, and `skips` says that nobody is asked at the rest.
    """

    def __init__(self, plugins: Plugins, cache: Any, history: History, recorder: Recorder) -> None:
        self._everyone = plugins.bind("contribute_signals")
        self._screening = Screening(
            "screen_bars", plugins, cache, history, recorder, otherwise=False
        )
        self._screens = self._screening.screens
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
                found = self._screening.coming(screen, bar_type, len(bars))
                for row in () if found is None else np.flatnonzero(found).tolist():
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
        bar_type, screening = str(bar.bar_type), self._screening
        plugins = {s.plugin for s in self._screens if screening.names_last(s, bar_type)}
        self.named.clear()
        self.named[bar.ts_init] = {bar_type: self._asker(frozenset(plugins))}

    def _asker(self, named: frozenset[str]) -> Asker | None:
        """Return those who are always asked, and those of the others who named a bar."""
        if named not in self._askers:
            absent = {screen.plugin for screen in self._screens} - named
            everyone = self._everyone
            self._askers[named] = None if everyone is None else everyone.without(absent)
        return self._askers[named]
