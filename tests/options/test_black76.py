"""Black-76 against vollib and QuantLib, and its inverse against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import vollib.black as vollib_black
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.options.kernel.black76 import GREEKS, greeks_of, implied, prices

FORWARD = st.floats(500, 8_000)
MONEYNESS = st.floats(-0.4, 0.4)
YEARS = st.floats(1 / 365, 2)
VOLATILITY = st.floats(0.03, 1.5)
SIGN = st.sampled_from([1.0, -1.0])
RATE = 0.045


def columns(*values):
    return [np.array([float(value)]) for value in values]


def price(f, k, t, vol, sign, rate=RATE):
    out = np.empty(1)
    prices(*columns(f, k, t, math.exp(-rate * t), vol, sign), out)
    return float(out[0])


@given(f=FORWARD, x=MONEYNESS, t=YEARS, vol=VOLATILITY, sign=SIGN)
def test_prices_are_those_of_vollib(f, x, t, vol, sign):
    k = f * math.exp(x)
    expected = vollib_black.black("c" if sign > 0 else "p", f, k, t, RATE, vol)

    assert price(f, k, t, vol, sign) == pytest.approx(expected, abs=1e-9)


@given(f=FORWARD, x=MONEYNESS, t=YEARS, vol=VOLATILITY, sign=SIGN)
def test_an_implied_volatility_gives_its_price_back(f, x, t, vol, sign):
    k, discount = f * math.exp(x), math.exp(-RATE * t)
    paid = price(f, k, t, vol, sign)
    found = np.empty(1)
    implied(*columns(paid, f, k, t, discount, sign), found)

    worthless = paid / discount - max(sign * (f - k), 0) < 1e-6  # of a time value below rounding
    assert worthless or price(f, k, t, float(found[0]), sign) == pytest.approx(paid, abs=1e-8)


@given(f=FORWARD, x=MONEYNESS, t=YEARS, sign=SIGN, share=st.floats(0, 1))
def test_a_price_below_intrinsic_value_has_no_volatility(f, x, t, sign, share):
    k, discount = f * math.exp(x), math.exp(-RATE * t)
    found = np.empty(1)
    implied(*columns(share * discount * max(sign * (f - k), 0), f, k, t, discount, sign), found)

    assert math.isnan(found[0])


@given(f=FORWARD, x=st.floats(-0.2, 0.2), t=st.floats(0.05, 1), vol=st.floats(0.08, 0.6), sign=SIGN)
def test_greeks_are_differences_of_prices(f, x, t, vol, sign):
    k, h, v = f * math.exp(x), f * 1e-4, 1e-3
    row = np.empty((1, len(GREEKS)))
    greeks_of(*columns(f, k, t, math.exp(-RATE * t), vol, sign), row)
    greek = dict(zip(GREEKS, row[0].tolist(), strict=True))
    up, down, mid = (price(f + s * h, k, t, vol, sign) for s in (1, -1, 0))
    higher, lower = (price(f, k, t, vol + s * v, sign) for s in (1, -1))
    day = 1 / 365

    assert greek["delta"] == pytest.approx((up - down) / (2 * h), abs=1e-5)
    assert greek["gamma"] == pytest.approx((up - 2 * mid + down) / h**2, rel=1e-2, abs=1e-6)
    assert greek["vega"] == pytest.approx((higher - lower) / (2 * v) / 100, rel=1e-3, abs=1e-4)
    assert greek["theta"] == pytest.approx(
        (price(f, k, t - day / 100, vol, sign) - mid) * 100, rel=2e-2, abs=2e-3
    )
    assert greek["rho"] == pytest.approx(
        (price(f, k, t, vol, sign, RATE + 1e-5) - mid) * 1e3, rel=1e-3, abs=1e-5
    )
    assert greek["volga"] == pytest.approx(
        (higher - 2 * mid + lower) / v**2 / 1e4, rel=2e-2, abs=1e-4
    )
