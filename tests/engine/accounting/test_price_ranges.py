"""The price range of a contract is that of its bars one by one."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.bars import Bars
from qe_plugins.engine.accounting.booking import NO_RANGE, PriceRanges

bars = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9), st.integers(0, 9)), max_size=20)
moments = st.integers(0, 31)


def columns(rows: list[tuple[int, int, int]]) -> Bars:
    """Return bars of (received at, low, width)."""
    stamps, lows, widths = np.array(sorted(rows), np.int64).reshape(-1, 3).T
    low, high = lows.astype(float), (lows + widths).astype(float)
    given = {"ts_event": stamps, "ts_init": stamps, "high": high, "low": low}
    return Bars("X.SIM-1-MINUTE-LAST-EXTERNAL", given)


@given(bars, bars, st.lists(moments, min_size=2, max_size=6))
def test_a_range_is_that_of_every_bar_of_every_type_between_two_moments(one, other, cuts):
    prices, cuts = PriceRanges([columns(one), columns(other)]), sorted(cuts)
    numbers = prices.before(cuts)
    for (since, until), count, (top, bottom) in zip(
        pairwise(cuts), np.diff(numbers), prices.ranges(numbers), strict=True
    ):
        seen = [(low, low + width) for ts, low, width in one + other if since <= ts < until]
        assert count == len(seen)
        assert top == max((high for _, high in seen), default=-inf)
        assert bottom == min((low for low, _ in seen), default=inf)


@given(bars, moments)
def test_bars_at_a_moment_count_until_it_and_not_before_it(rows, moment):
    prices = PriceRanges([columns(rows)])
    [until], [before] = prices.until([moment]), prices.before([moment])
    assert until - before == sum(ts == moment for ts, *_ in rows)


def test_a_contract_without_bars_has_no_range():
    prices = PriceRanges([])
    assert prices.until([1]) == [0]
    assert prices.ranges([0, 0]) == [NO_RANGE]
