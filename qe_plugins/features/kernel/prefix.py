"""Running sums of a series in whole numbers: a window's sum is one subtraction, exact to the bit.

Log prices are counted in units of 2**-27 octaves (5.2e-9 in natural log); levels that are squared
in units of 2**-22 octaves (1.7e-7). A price that doubles adds exactly 2**27, so that scaling prices
by a power of two changes no bit. Sums are kept modulo 2**64. A window's sum is exact because every
bar's term is bounded here so that 512 of them fit, and `kernel.at` bounds what a level can add up
to; a bar beyond a bound is reported, never wrapped.
"""

from __future__ import annotations

import math

import numpy as np

from qe_plugins.features.kernel.compiled import compiled

FINE_BITS, COARSE_BITS = 27, 5
FINE = math.log(2.0) / 2**FINE_BITS
COARSE = FINE * 2**COARSE_BITS
SIGNED = 8
"""Units of signed volume a contract."""

MOST_RETURN = 134_000_000
"""Units of the largest return or range of one bar: a factor of 2. Its square fits 512 times."""

MOST_VOLUME = 16_000_000
"""Contracts of the largest volume of one bar."""

SCALE_BARS = 60
"""Bars of the deviation against which bulk classification measures a return."""

ILLIQUID = 1 << 20

(R, RR, AR, RR1, BV, DN, HH, OC, RS, V, VV, VX, VR, SV, SVSV, RSV, ASV, ILL, NV, BAD) = range(20)
(Y, YY, L, LL, LD) = range(20, 25)
T, W = 25, 30
ORDER, SYMBOL = 35, 41
COLUMNS = 50

RETURN_BOUND, VOLUME_BOUND, LEVEL_BOUND = 1, 2, 3
BOUNDS = {
    RETURN_BOUND: ("price", "a bar that moves less than a factor of 2"),
    VOLUME_BOUND: ("volume", f"{MOST_VOLUME:,} contracts a bar"),
    LEVEL_BOUND: ("close", "a path of less than 22 in logs over a window"),
}


@compiled
def units(price):
    """Return 2**27 times the binary logarithm of a positive price, rounded."""
    mantissa, exponent = math.frexp(price)
    return exponent * (1 << 27) + np.int64(np.rint(math.log2(mantissa) * 134217728.0))


@compiled
def to_units(prices, first, last, fixed):
    """Write the rows from `first` up to `last` of `fixed`: close, open, high, low, coarse, bad.

    `prices` are open, high, low and close. A bar is bad where a price is not positive, and it then
    repeats the close before it, or where it moves by more than a factor of 2: there is no return
    to speak of.
    """
    for i in range(first, last):
        before = fixed[i - 1, 0] if i > 0 else np.int64(0)
        bad = False
        for k in range(4):
            if not (prices[i, k] > 0.0 and prices[i, k] < np.inf):
                bad = True
        if bad:
            for k in range(4):
                fixed[i, k] = before
        else:
            fixed[i, 0], fixed[i, 1] = units(prices[i, 3]), units(prices[i, 0])
            fixed[i, 2], fixed[i, 3] = units(prices[i, 1]), units(prices[i, 2])
            bad = fixed[i, 2] - fixed[i, 3] > MOST_RETURN
            if i > 0 and abs(fixed[i, 0] - before) > MOST_RETURN:
                bad = True
            if bad:
                for k in range(1, 4):
                    fixed[i, k] = fixed[i, 0]
        fixed[i, 4] = (fixed[i, 0] + 16) >> COARSE_BITS
        fixed[i, 5] = 1 if bad else 0


@compiled
def add_sums(fixed, volume, first, last, sums):
    """Write the running sums after the bars from `first` up to `last`; row `i + 1` is after bar i.

    Row 0 is before the first bar. Return (0, 0), or the bound that a bar breaks and its number.
    """
    for i in range(first, last):
        before, row = sums[i], sums[i + 1]
        for k in range(COLUMNS):
            row[k] = before[k]
        x, y = fixed[i, 0], fixed[i, 4]
        row[BAD] += fixed[i, 5]
        x1, y1, r1 = x, y, np.int64(0)
        if i > 0 and fixed[i, 5] == 0 and fixed[i - 1, 5] == 0:
            x1, y1 = fixed[i - 1, 0], fixed[i - 1, 4]
        if i > 1 and fixed[i - 1, 5] == 0 and fixed[i - 2, 5] == 0:
            r1 = fixed[i - 1, 0] - fixed[i - 2, 0]
        r = x - x1
        up, down = fixed[i, 2] - x, fixed[i, 3] - x
        body = x - fixed[i, 1]
        width = up - down
        if abs(r) > MOST_RETURN or width > MOST_RETURN or width < 0:
            return RETURN_BOUND, i
        if not (volume[i] >= 0.0 and volume[i] <= MOST_VOLUME):
            return VOLUME_BOUND, i
        v = np.int64(np.rint(volume[i]))
        size = abs(r)
        row[R] += r
        row[RR] += r * r
        row[AR] += size
        row[RR1] += r * r1
        row[BV] += size * abs(r1)
        if r < 0:
            row[DN] += r * r
        row[HH] += width * width
        row[OC] += body * body
        row[RS] += up * (up + body) + down * (down + body)
        row[V] += v
        row[VV] += v * v
        row[VX] += v * x
        row[VR] += v * r
        if v > 0:
            row[NV] += 1
            row[ILL] += (ILLIQUID * size) // v
        back = max(i + 1 - SCALE_BARS, 0)
        scale = float(row[RR] - sums[back, RR]) / float(i + 1 - back)
        signed = np.int64(0)
        if scale > 0.0:
            signed = np.int64(np.rint(SIGNED * v * math.erf(float(r) / math.sqrt(2.0 * scale))))
        row[SV] += signed
        row[SVSV] += signed * signed
        row[RSV] += r * signed
        row[ASV] += abs(signed)
        row[Y] += y
        row[YY] += y * y
        row[L] += y1
        row[LL] += y1 * y1
        row[LD] += y1 * (y - y1)
        undefined = row[BAD] > sums[max(i - 31, 0), BAD]
        for k in range(5):
            lag = 1 << k
            moved = y - fixed[i - lag, 4] if i >= lag else np.int64(0)
            detail = np.int64(0)
            if i + 1 >= 2 * lag:
                half = sums[i + 1 - lag, Y]
                detail = (row[Y] - half) - (half - sums[i + 1 - 2 * lag, Y])
            if abs(moved) > MOST_RETURN or abs(detail) > MOST_RETURN:
                if not undefined:
                    return RETURN_BOUND, i
                moved = detail = np.int64(0)
            row[T + k] += moved * moved
            row[W + k] += detail * detail
        if i > 1:
            a, b = fixed[i - 2, 0], fixed[i - 1, 0]
            if a <= b:
                pattern = 0 if b <= x else (1 if a <= x else 2)
            else:
                pattern = 3 if a <= x else (4 if b <= x else 5)
            row[ORDER + pattern] += 1
            row[SYMBOL + 3 * (1 + np.sign(r1)) + 1 + np.sign(r)] += 1
    return 0, 0
