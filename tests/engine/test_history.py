"""The bars that have closed by now: the tape's columns say what the engine's cache says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model import Bar

from qe_plugins.bars import columns_of
from qe_plugins.data.pieces import Columns
from qe_plugins.engine.history import History
from qe_plugins.engine.recorder import Recorder
from qe_plugins.manager import Asker

MINUTES = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
FIELDS = ("ts_event", "ts_init", "open", "high", "low", "close", "volume")


class Tape(Columns):
    """A piece of the tape, made of bars."""

    def __init__(self, bars: list[Bar]) -> None:
        super().__init__({MINUTES: []} if bars else {})
        self._made = {MINUTES: columns_of(MINUTES, bars)} if bars else {}


class Heard:
    """The engine's cache: contracts, and the bars that were heard, the newest first."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.asked = 0

    def bar(self, bar_type: Any, index: int = 0) -> Bar | None:
        assert str(bar_type) == MINUTES
        self.asked += 1
        return self.bars[-1 - index] if index < len(self.bars) else None

    def instrument(self, instrument_id: Any) -> str:
        return f"the contract {instrument_id}"


class Floor:
    """What is asked of a piece of the tape, of some `kind`, and the cache that it lives on."""

    kind: Any

    def __init__(self, plugins: Any) -> None:
        self.cache, self.recorder = Heard(), Recorder()
        self.history = History(self.cache)
        self.asks = self.kind(plugins, self.cache, self.history, self.recorder)

    def expects(self, bars: list[Bar]) -> None:
        self.history.expects(Tape(bars))
        self.asks.expects(Tape(bars))


def names_of(asker: Asker | None) -> list[str]:
    """Return who is asked, in call order."""
    return [] if asker is None else [one.plugin for one in asker.implementations]


@pytest.fixture
def bars(qe_bar: Callable[..., Bar]) -> list[Bar]:
    return [
        qe_bar(4750 + n, high=4751 + n, low=4748, at=f"2024-01-03 15:{n:02}") for n in range(12)
    ]


def same(found: Any, expected: list[Bar]) -> bool:
    wanted = columns_of(MINUTES, expected)
    return all(np.array_equal(getattr(found, name), getattr(wanted, name)) for name in FIELDS)


def test_at_every_bar_the_last_ones_are_those_that_were_heard(bars: list[Bar]) -> None:
    cache = Heard()
    history = History(cache)
    for first in range(0, 12, 4):
        history.expects(Tape(bars[first : first + 4]))
        for bar in bars[first : first + 4]:
            cache.bars.append(bar)
            for count in (0, 1, 3, 6, 20):
                expected = cache.bars[-count:] if count else []
                assert same(history.last(MINUTES, count), expected)


def test_who_asks_for_the_same_again_costs_one_look_at_the_cache(bars: list[Bar]) -> None:
    cache = Heard()
    history = History(cache)
    history.expects(Tape(bars[:6]))
    cache.bars += bars[:6]
    history.last(MINUTES, 5)
    history.expects(Tape(bars[6:]))
    cache.bars += bars[6:8]
    cache.asked = 0
    assert same(history.last(MINUTES, 5), bars[3:8])
    assert cache.asked == 1


def test_before_the_first_bar_there_are_none(bars: list[Bar]) -> None:
    history = History(Heard())
    history.expects(Tape(bars))
    assert len(history.last(MINUTES, 3)) == 0


def test_bars_that_are_not_on_the_tape_are_read_from_the_cache(bars: list[Bar]) -> None:
    cache = Heard()
    cache.bars = bars
    assert same(History(cache).last(MINUTES, 3), bars[-3:])
