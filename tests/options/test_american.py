"""American options on futures against QuantLib's QD+ engine, and at their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.options.kernel.american import american_implied, american_one, critical_price
from qe_plugins.options.kernel.black76 import forward_value
from qe_plugins.options.oracle import american_price

SIGN = st.sampled_from([1.0, -1.0])


@given(
    x=st.floats(-0.1, 0.1),
    days=st.integers(5, 90),
    rate=st.floats(0.001, 0.055),
    vol=st.floats(0.08, 0.22),
    sign=SIGN,
)
def test_the_approximation_is_within_half_a_point_of_quantlib(x, days, rate, vol, sign):
    f, t = 5_000.0, days / 365
    k = f * math.exp(x)

    expected = american_price(f, k, days, rate, vol, call=sign > 0)

    assert american_one(f, k, t, rate, vol, sign) == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize(
    ("f", "k", "days", "rate", "expected"),
    [(3_230, 3_600, 164, 0.0155, 392.706), (5_230, 5_750, 91, 0.053, 536.073)],
)
def test_quantlib_is_within_a_hundredth_of_finite_differences(f, k, days, rate, expected):
    fine = american_price(f, k, days, rate, 0.15, call=False, finite_differences=True)

    assert american_price(f, k, days, rate, 0.15, call=False) == pytest.approx(fine, abs=0.02)
    assert fine == pytest.approx(expected, abs=0.6)


@given(f=st.floats(3_000, 7_000), x=st.floats(-0.2, 0.2), vol=st.floats(0.08, 0.5), sign=SIGN)
def test_an_american_option_is_worth_no_less_than_a_european_one(f, x, vol, sign):
    k, t, rate = f * math.exp(x), 0.25, 0.053
    european = math.exp(-rate * t) * forward_value(f, k, vol * math.sqrt(t), sign)
    found = american_one(f, k, t, rate, vol, sign)

    assert found >= european - 1e-9
    assert found >= sign * (f - k) - 1e-9


@given(x=st.floats(-0.08, 0.08), vol=st.floats(0.08, 0.5), sign=SIGN)
def test_the_implied_volatility_of_an_american_price_is_the_one_that_made_it(x, vol, sign):
    f, t, rate = 5_000.0, 0.25, 0.053
    k = f * math.exp(x)
    paid = american_one(f, k, t, rate, vol, sign)
    found = np.empty(1)
    american_implied(*(np.array([v]) for v in (paid, f, k, t, rate, sign)), found)

    at_intrinsic = paid <= sign * (f - k) + 1e-6  # where every lower volatility gives this price
    again = american_one(f, k, t, rate, float(found[0]), sign)
    assert at_intrinsic or again == pytest.approx(paid, abs=1e-5)


def test_exercise_is_worth_it_only_deep_in_the_money_and_never_without_interest():
    call = critical_price(5_000.0, 0.25, 0.053, 0.15, 1.0)
    put = critical_price(5_000.0, 0.25, 0.053, 0.15, -1.0)

    assert 5_500 < call < 6_500
    assert 3_900 < put < 4_600
    assert critical_price(5_000.0, 0.25, 0.0, 0.15, 1.0) == math.inf
    assert critical_price(5_000.0, 0.25, 0.0, 0.15, -1.0) == 0
