"""Whom to ask about an order: every guardian, but those who know that nothing is wrong by now."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import compress
from typing import Any

import msgspec
import numpy as np

from qe_plugins.data.pieces import Columns
from qe_plugins.engine.history import History
from qe_plugins.engine.recorder import Recorder
from qe_plugins.engine.screening import Screening
from qe_plugins.manager import Asker, Plugins, Tally

EVER = 2**63 - 2


class Spells(msgspec.Struct):
    """Stretches of time from `begins` to `ends`, both inclusive (int64, UTC nanoseconds)."""

    begins: np.ndarray
    ends: np.ndarray

    def hold(self, moments: np.ndarray) -> np.ndarray:
        """Say which moments are in one of them. None is before the first, which begins at 0."""
        found: np.ndarray = moments <= self.ends[np.searchsorted(self.begins, moments, "right") - 1]
        return found


type Duty = tuple[Asker | None, list[Tally]]
"""Whom to ask, and the tallies of those who have answered by their screens."""

type Roster = tuple[list[int], list[Duty]]
"""Moments (UTC nanoseconds), the first of which is 0, and who is on duty from each of them on."""


class Guards:
    """Asks `screen_orders` about a piece of the tape at once, then knows whom to ask of an order.

    Doubt is a question: who did not say of a contract's bars, or failed, is always asked, and so is
    everybody about bars that no piece had, as in a live session.
    """

    def __init__(self, plugins: Plugins, cache: Any, history: History, recorder: Recorder) -> None:
        self.everyone = plugins.bind("veto_order")
        self._screening = Screening(
            "screen_orders", plugins, cache, history, recorder, otherwise=True
        )
        self._rosters: dict[str, Roster] = {}
        self._duties: dict[frozenset[str], Duty] = {}

    def expects(self, columns: Columns) -> None:
        """Take the bars that are heard next, and have them screened.

        Raises StrategyError where a screen looks ahead, or further back than it says.
        """
        self._rosters.clear()
        named: dict[str, dict[str, list[Spells]]] = defaultdict(lambda: defaultdict(list))
        for bar_type in columns.bar_types if self._screening.screens else ():
            bars = columns.of(bar_type)
            for screen in self._screening.screens:
                found = self._screening.coming(screen, bar_type, len(bars))
                if found is not None:
                    spells = spells_of(bars.ts_init, found)
                    named[bars.instrument_id][screen.plugin].append(spells)
        for contract, spells_by_plugin in named.items():
            together = {name: merged(spells) for name, spells in spells_by_plugin.items()}
            self._rosters[contract] = self._roster(together)

    def asker(self, contract: str, ts: int) -> Asker | None:
        """Return whom to ask about an order in a contract at a moment (UTC ns), None for nobody.

        Who is left out has answered by its screen, and counts as asked.
        """
        roster = self._rosters.get(contract)
        if roster is None:
            return self.everyone
        turns, duties = roster
        asker, answered = duties[bisect_right(turns, ts) - 1]
        for tally in answered:
            tally.asked += 1
        return asker

    def _roster(self, named: dict[str, Spells]) -> Roster:
        """Return who is on duty when, given when each plugin that screens has to be."""
        ends = [spells.ends[spells.ends < EVER] + 1 for spells in named.values()]
        turns = np.unique(np.concatenate([*(spells.begins for spells in named.values()), *ends]))
        quiet = np.column_stack([~spells.hold(turns) for spells in named.values()]).tolist()
        return turns.tolist(), [self._duty(frozenset(compress(named, row))) for row in quiet]

    def _duty(self, quiet: frozenset[str]) -> Duty:
        if quiet not in self._duties:
            everyone = self.everyone
            assert everyone is not None  # who has a screen has the question, too
            answered = [one.tally for one in everyone.implementations if one.plugin in quiet]
            self._duties[quiet] = everyone.without(quiet), answered
        return self._duties[quiet]


def spells_of(stamps: np.ndarray, named: np.ndarray) -> Spells:
    """Return when one of the named bars may be the last that was heard, or none of them was yet.

    `stamps` say when each bar is heard (UTC ns), oldest first. Both ends count: of what is heard in
    one moment it is not known what comes first.
    """
    after = np.append(stamps[1:], EVER)
    begins = np.concatenate(([0], stamps[named]))
    ends = np.concatenate((stamps[:1], after[named]))
    return Spells(begins, ends)


def merged(parts: list[Spells]) -> Spells:
    """Return all stretches of several, such that none touch or overlap."""
    begins = np.concatenate([one.begins for one in parts])
    order = np.argsort(begins, kind="stable")
    begins = begins[order]
    ends = np.maximum.accumulate(np.concatenate([one.ends for one in parts])[order])
    first = np.flatnonzero(np.concatenate(([True], begins[1:] > ends[:-1] + 1)))
    return Spells(begins[first], ends[np.append(first[1:], len(ends)) - 1])
