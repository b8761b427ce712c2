"""How far a contract ran: as if somebody had gone through its bars one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.bars import Bars
from qe_plugins.engine.paths import Path

bars = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9), st.integers(0, 9)), max_size=20)
moments = st.integers(0, 31)


def columns(rows: list[tuple[int, int, int]]) -> Bars:
    """Return bars of (heard at, low, width)."""
    stamps, lows, widths = np.array(sorted(rows), np.int64).reshape(-1, 3).T
    low, high = lows.astype(float), (lows + widths).astype(float)
    given = {"ts_event": stamps, "ts_init": stamps, "high": high, "low": low}
    return Bars("X.SIM-1-MINUTE-LAST-EXTERNAL", given)


@given(bars, bars, moments, moments)
def test_a_range_is_that_of_every_bar_of_every_type_between_two_moments(one, other, a, b):
    since, until = sorted((a, b))
    path = Path([columns(one), columns(other)])
    seen = [(low, low + width) for ts, low, width in one + other if since <= ts < until]
    first, end = path.before(since), path.before(until)
    assert end - first == len(seen)
    if seen:
        assert path.range(first, end) == (max(h for _, h in seen), min(low for low, _ in seen))


@given(bars, moments)
def test_bars_at_a_moment_are_heard_by_then_and_not_before(rows, moment):
    path = Path([columns(rows)])
    assert path.until(moment) - path.before(moment) == sum(ts == moment for ts, *_ in rows)


def test_a_contract_without_bars_has_an_empty_path():
    assert Path([]).until(1) == 0
