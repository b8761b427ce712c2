"""Compiled Black-76: price, implied volatility and Greeks of European options on futures."""

from __future__ import annotations

import math

import numpy as np

from qe_plugins.options.kernel.compiled import compiled

SQRT_HALF = 0.7071067811865476
INV_SQRT_2PI = 0.3989422804014327
DAYS = 365.0
LOWEST, HIGHEST = 1e-4, 10.0
"""Implied volatilities outside of these are none."""

GREEKS = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga")
"""Columns of `greeks_of`: see `qe_plugins/options/greeks.py` for their units."""


@compiled
def normal(x):
    """Return the standard normal distribution function."""
    return 0.5 * math.erfc(-x * SQRT_HALF)


@compiled
def forward_value(f, k, w, sign):
    """Return the undiscounted value; `w` is volatility times the root of time, `sign` +1 or -1."""
    if w <= 0.0:
        return max(sign * (f - k), 0.0)
    d = math.log(f / k) / w + 0.5 * w
    return sign * (f * normal(sign * d) - k * normal(sign * (d - w)))


@compiled
def implied_one(value, f, k, root, sign):
    """Return the volatility at which the undiscounted value is `value`, NaN where none is.

    The option is taken on its out-of-the-money side. Newton's method with Halley's correction on
    the logarithm of the price; bisection where a step leaves the bracket.
    """
    if not (value > 0.0 and f > 0.0 and k > 0.0 and root > 0.0):
        return math.nan
    time_value = value - max(sign * (f - k), 0.0)
    side = 1.0 if k >= f else -1.0
    if not 0.0 < time_value < (f if side > 0 else k):
        return math.nan
    low, high = LOWEST * root, HIGHEST * root
    target, x = math.log(time_value), math.log(f / k)
    w = max(math.sqrt(2.0 * abs(x)), time_value / (INV_SQRT_2PI * 0.5 * (f + k)))
    w = min(max(w, low), high)
    for _ in range(80):
        d = x / w + 0.5 * w
        price = side * (f * normal(side * d) - k * normal(side * (d - w)))
        step = math.inf
        if price > 0.0:
            error = math.log(price) - target
            slope = f * math.exp(-0.5 * d * d) * INV_SQRT_2PI / price
            if slope > 0.0:
                step = error / slope
                bend = 1.0 - 0.5 * step * (d * (d - w) / w - slope)
                step = step / bend if bend > 0.5 else step
        else:
            error = -1.0
        if error > 0.0:
            high = w
        else:
            low = w
        new = w - step
        if not low <= new <= high:
            new = 0.5 * (low + high)
        moved = abs(new - w)
        w = new
        if moved <= 1e-6 * w:  # the next step would be of the order of its cube
            break
    vol = w / root
    return vol if LOWEST * 1.01 < vol < HIGHEST * 0.99 else math.nan


@compiled
def prices(f, k, t, discount, vol, sign, out):
    """Write the discounted prices of options given as columns."""
    for i in range(out.shape[0]):
        w = vol[i] * math.sqrt(t[i]) if t[i] > 0.0 else 0.0
        out[i] = discount[i] * forward_value(f[i], k[i], w, sign[i])


@compiled
def implied(price, f, k, t, discount, sign, out):
    """Write the implied volatilities of discounted prices; NaN where a price has none."""
    for i in range(out.shape[0]):
        root = math.sqrt(t[i]) if t[i] > 0.0 else 0.0
        out[i] = implied_one(price[i] / discount[i], f[i], k[i], root, sign[i])


@compiled
def greeks_of(f, k, t, discount, vol, sign, out):
    """Write a row of `GREEKS` an option, NaN where time or volatility is not positive."""
    for i in range(out.shape[0]):
        if not (t[i] > 0.0 and vol[i] > 0.0):
            out[i, :] = np.nan
            continue
        root = math.sqrt(t[i])
        w, rate = vol[i] * root, -math.log(discount[i]) / t[i]
        d = math.log(f[i] / k[i]) / w + 0.5 * w
        e = d - w
        density = discount[i] * math.exp(-0.5 * d * d) * INV_SQRT_2PI
        value = discount[i] * forward_value(f[i], k[i], w, sign[i])
        vega = f[i] * density * root / 100.0
        out[i, 0] = discount[i] * sign[i] * normal(sign[i] * d)
        out[i, 1] = density / (f[i] * w)
        out[i, 2] = vega
        out[i, 3] = (rate * value - f[i] * density * vol[i] / (2.0 * root)) / DAYS
        out[i, 4] = -t[i] * value / 100.0
        out[i, 5] = -density * e / vol[i] / 100.0
        out[i, 6] = vega * d * e / vol[i] / 100.0
