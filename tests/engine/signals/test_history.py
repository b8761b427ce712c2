"""The bars that have closed by now are what the engine's cache says, and lead to no later one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import Bar, BarType, Price, Quantity

from qe_plugins.bars import Bars, columns_of
from qe_plugins.engine.signals.history import History

MINUTES = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
FIELDS = ("ts_event", "ts_init", "open", "high", "low", "close", "volume")


class Cache:
    """The engine's cache: the bars that have closed, the newest first, at most `capacity`."""

    def __init__(self, capacity: int = 10_000) -> None:
        self.bars: list[Bar] = []
        self.capacity, self.asked = capacity, 0

    def bar(self, bar_type: Any, index: int = 0) -> Bar | None:
        assert str(bar_type) == MINUTES
        self.asked += 1
        return self.bars[-1 - index] if index < min(len(self.bars), self.capacity) else None


@pytest.fixture
def bars(qe_bar: Callable[..., Bar]) -> list[Bar]:
    return [
        qe_bar(4750 + n, high=4751 + n, low=4748, at=f"2024-01-03 15:{n:02}") for n in range(12)
    ]


def same(found: Bars, expected: list[Bar]) -> bool:
    wanted = columns_of(MINUTES, expected)
    return all(np.array_equal(getattr(found, name), getattr(wanted, name)) for name in FIELDS)


def numbered(n: int) -> Bar:
    """Return bar number `n`, of which every number but the volume is `n`."""
    price = Price.from_int(n)
    kind = BarType.from_str(MINUTES)
    return Bar(kind, price, price, price, price, Quantity.from_int(n), n, n)


def reached(thing: Any) -> Iterator[np.ndarray]:
    """Yield every array that a view leads to: its columns, and the memory behind them."""
    if isinstance(thing, np.ndarray):
        yield thing
        if thing.base is not None:
            yield from reached(thing.base)
    elif isinstance(thing, Bars):
        for name in [one for one in dir(thing) if not one.startswith("_")]:
            member = getattr(thing, name)
            yield from reached([member(one) for one in FIELDS] if name == "floats" else member)
    elif isinstance(thing, Mapping):
        yield from reached(list(thing.values()))
    elif isinstance(thing, list | tuple):
        if thing and isinstance(thing[0], int | float):
            yield np.array(thing)
        else:
            for one in thing:
                yield from reached(one)


def every_view(bars: Bars) -> Iterator[Bars]:
    """Yield a view and what slices of it give, whatever the bounds."""
    yield bars
    for first, end in ((None, None), (0, 6), (1, 10**9), (-1, None), (-(10**9), 10**9)):
        yield bars[first:end]
        yield bars[first:end][0:6]


def test_a_view_has_columns_and_nothing_else_that_is_public() -> None:
    public = {name for name in dir(Bars) if not name.startswith("_")}
    assert public == {*FIELDS, "bar_type", "columns", "instrument_id", "floats"}
    assert [name for name in dir(History) if not name.startswith("_")] == ["last"]


steps = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 12)), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(1, 8))
def test_no_view_leads_to_a_bar_that_has_not_closed(
    steps: list[tuple[int, int]], capacity: int
) -> None:
    cache, now, kept = Cache(capacity), 0, []
    history = History(cache)
    for heard, asked in steps:
        for _ in range(heard):
            now += 1
            cache.bars.append(numbered(now))
        kept.append((now, history.last(MINUTES, asked)))
    for then, view in kept:  # not even later, when there are later bars
        for part in every_view(view):
            for array in reached(part):
                assert not array.size or array.max() <= then


@given(steps)
def test_at_every_bar_the_last_ones_are_those_that_closed(steps: list[tuple[int, int]]) -> None:
    cache, now = Cache(), 0
    history = History(cache)
    for heard, asked in steps:
        for _ in range(heard):
            now += 1
            cache.bars.append(numbered(now))
        assert same(history.last(MINUTES, asked), cache.bars[-asked:] if asked else [])


def test_writing_into_a_view_changes_nothing_for_others(bars: list[Bar]) -> None:
    cache = Cache()
    cache.bars = bars
    history = History(cache)
    history.last(MINUTES, 3).close[:] = 0.0
    assert same(history.last(MINUTES, 3), bars[-3:])


def test_a_bar_is_read_from_the_cache_once(bars: list[Bar]) -> None:
    cache = Cache()
    history = History(cache)
    cache.bars += bars[:6]
    history.last(MINUTES, 5)
    cache.bars += bars[6:8]
    cache.asked = 0
    assert same(history.last(MINUTES, 5), bars[3:8])
    assert cache.asked == 3  # two new ones, and the last that was known


def test_more_than_the_cache_holds_are_not_there(bars: list[Bar]) -> None:
    cache = Cache(capacity=4)
    cache.bars = bars
    assert same(History(cache).last(MINUTES, 9), bars[-4:])


def test_before_the_first_bar_there_are_none() -> None:
    assert len(History(Cache()).last(MINUTES, 3)) == 0


def test_a_count_below_zero_gives_none(bars: list[Bar]) -> None:
    cache = Cache()
    cache.bars = bars
    assert len(History(cache).last(MINUTES, -3)) == 0


@pytest.mark.parametrize("step", [2, -1])
def test_a_slice_with_a_step_is_refused(bars: list[Bar], step: int) -> None:
    with pytest.raises(ValueError, match="a step is 1"):
        columns_of(MINUTES, bars)[::step]
