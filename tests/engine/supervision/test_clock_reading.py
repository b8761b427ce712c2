"""How far the clock is off, as far as the gateway's whole seconds say."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.supervision.clock_reading import skew_of


@given(st.floats(0, 1e6), st.floats(-50, 50), st.floats(0, 2), st.floats(0, 2))
def test_it_is_never_more_than_the_clock_is_off(true, off, there, back):
    times = iter([true + off, true + there + back + off])
    found = skew_of(lambda: math.floor(true + there), lambda: next(times))
    assert abs(found) <= abs(off) + 1e-6
    assert abs(found) >= abs(off) - there - back - 1 - 1e-6


def test_a_clock_that_is_right_has_no_skew():
    times = iter([1000.9, 1001.1])
    assert skew_of(lambda: 1000.0, lambda: next(times)) == 0.0
