"""Compiled Barone-Adesi and Whaley: American options on futures, and their critical prices."""

from __future__ import annotations

import math

from qe_plugins.options.kernel.black76 import (
    HIGHEST,
    INV_SQRT_2PI,
    LOWEST,
    forward_value,
    implied_one,
    normal,
)
from qe_plugins.options.kernel.compiled import compiled

ITERATIONS = 100


@compiled
def critical_price(k, t, rate, vol, sign):
    """Return the future's price beyond which exercise at once is worth more than holding.

    Infinite for a call, 0 for a put, where the rate is not positive: it is never worth more then.
    """
    if not (rate > 0.0 and t > 0.0 and vol > 0.0):
        return math.inf if sign > 0 else 0.0
    discount, root = math.exp(-rate * t), math.sqrt(t)
    w = vol * root
    m = 2.0 * rate / (vol * vol)
    q = 0.5 * (1.0 + sign * math.sqrt(1.0 + 4.0 * m / (1.0 - discount)))
    far = k / (1.0 - 1.0 / (0.5 * (1.0 + sign * math.sqrt(1.0 + 4.0 * m))))
    h = -sign * 2.0 * w * k / (sign * (far - k))
    if sign > 0:
        s = k + (far - k) * (1.0 - math.exp(h))
    else:
        s = far + (k - far) * math.exp(-2.0 * w * k / (k - far))
    for _ in range(ITERATIONS):
        d = math.log(s / k) / w + 0.5 * w
        tail = discount * normal(sign * d)
        right = discount * forward_value(s, k, w, sign) + sign * (1.0 - tail) * s / q
        density = discount * INV_SQRT_2PI * math.exp(-0.5 * d * d)
        slope = sign * tail * (1.0 - 1.0 / q) + sign * (1.0 - sign * density / w) / q
        left = sign * (s - k)
        if abs(left - right) <= 1e-9 * k:
            break
        s = (k + sign * (right - slope * s)) / (1.0 - sign * slope)
        if not s > 0.0:
            s = 1e-6 * k
    return s


@compiled
def american_one(f, k, t, rate, vol, sign):
    """Return the price of an American option on a future at `f`."""
    discount = math.exp(-rate * t)
    w = vol * math.sqrt(t) if t > 0.0 else 0.0
    european = discount * forward_value(f, k, w, sign)
    critical = critical_price(k, t, rate, vol, sign)
    if sign * (f - critical) >= 0.0:
        return sign * (f - k)
    if not (rate > 0.0 and t > 0.0 and vol > 0.0):
        return european
    m = 2.0 * rate / (vol * vol)
    q = 0.5 * (1.0 + sign * math.sqrt(1.0 + 4.0 * m / (1.0 - discount)))
    d = math.log(critical / k) / w + 0.5 * w
    scale = sign * (critical / q) * (1.0 - discount * normal(sign * d))
    return european + scale * (f / critical) ** q


@compiled
def bisected(price, f, k, t, rate, sign):
    """Return the volatility of an American price by bisection, for prices next to exercise."""
    low, high = LOWEST, HIGHEST
    if not american_one(f, k, t, rate, high, sign) > price:
        return math.nan
    for _ in range(60):
        middle = 0.5 * (low + high)
        if american_one(f, k, t, rate, middle, sign) > price:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


@compiled
def american_implied(price, f, k, t, rate, sign, out):
    """Write the volatilities at which American prices hold, NaN where a price has none.

    The early-exercise premium at the current estimate is taken off the price, which is then
    European; a few rounds suffice, since the premium hardly depends on the volatility.
    """
    for i in range(out.shape[0]):
        if not (t[i] > 0.0 and price[i] > sign[i] * (f[i] - k[i])):
            out[i] = math.nan
            continue
        discount, root = math.exp(-rate[i] * t[i]), math.sqrt(t[i])
        vol = implied_one(price[i] / discount, f[i], k[i], root, sign[i])
        for _ in range(8):
            if not vol > 0.0:
                break
            value = american_one(f[i], k[i], t[i], rate[i], vol, sign[i])
            european = discount * forward_value(f[i], k[i], vol * root, sign[i])
            new = implied_one((price[i] - (value - european)) / discount, f[i], k[i], root, sign[i])
            if not new > 0.0 or abs(new - vol) < 1e-9:
                break
            vol = new
        value = american_one(f[i], k[i], t[i], rate[i], vol, sign[i])
        if not abs(value - price[i]) < 1e-7:
            vol = bisected(price[i], f[i], k[i], t[i], rate[i], sign[i])
        out[i] = vol
