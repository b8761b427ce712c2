"""Whom to ask for signals at a bar: everybody, but those who named their bars beforehand."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from nautilus_trader.model import BarType

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
        self._askers: dict[int, Asker | None] = {}
        self.named: dict[int, list[tuple[BarType, Asker | None]]] = {}
        self.until = 0
        self._usual = self._asker(0)
        self.skips = bool(self._screens) and self._usual is None

    def expects(self, columns: Columns) -> None:
        """Take the bars that are heard next, and have them screened.

        Raises StrategyError where a screen looks ahead, or further back than it says.
        """
        self.named.clear()
        for bar_type in columns.bar_types if self._screens else ():
            bars, kind = columns.of(bar_type), BarType.from_str(bar_type)
            named: dict[int, int] = defaultdict(int)
            for number, screen in enumerate(self._screens):
                found = self._screening.coming(screen, bar_type, len(bars))
                stamps = () if found is None else bars.ts_init[found].tolist()
                for ts in stamps:
                    named[ts] |= 1 << number
            self.until = max(self.until, int(bars.ts_init[-1]))
            for ts, bits in named.items():
                self.named.setdefault(ts, []).append((kind, self._asker(bits)))

    def asker(self, bar: Any) -> Asker | None:
        """Return whom to ask for signals at a bar, None where nobody is to be asked."""
        ts = bar.ts_init
        if ts > self.until and self._screens:
            self._screen(bar)
        for kind, asker in self.named.get(ts, ()):
            if kind == bar.bar_type:
                return asker
        return self._usual

    def _screen(self, bar: Any) -> None:
        """Have a bar screened that has just closed."""
        bar_type, screening = str(bar.bar_type), self._screening
        naming = [screening.names_last(screen, bar_type) for screen in self._screens]
        bits = sum(named << number for number, named in enumerate(naming))
        self.named.clear()
        self.named[bar.ts_init] = [(bar.bar_type, self._asker(bits))]

    def _asker(self, bits: int) -> Asker | None:
        """Return those who are always asked, and those of the others who named a bar.

        `bits` has a bit for each screen, the lowest for the first.
        """
        if bits not in self._askers:
            absent = {one.plugin for n, one in enumerate(self._screens) if not bits >> n & 1}
            everyone = self._everyone
            self._askers[bits] = None if everyone is None else everyone.without(absent)
        return self._askers[bits]
