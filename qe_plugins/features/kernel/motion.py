"""Compiled families of motion: how far and how steadily a price moves over a window."""

from __future__ import annotations

import math

import numpy as np

from qe_plugins.features.kernel.compiled import compiled
from qe_plugins.features.kernel.prefix import AR, FINE, RR, R

BPS = 1e4 * FINE
"""Basis points of a unit."""


@compiled
def put(wanted, family, out, value):
    """Write a value where a feature was asked for; what is not finite is null."""
    at = wanted[family]
    if at >= 0:
        out[at] = value if math.isfinite(value) else np.nan


@compiled
def log1p(value):
    """Return ln(1 + value) of basis points squared, which are never so small as to need more."""
    return math.log(1.0 + value)


@compiled
def level(a, b, n, at, sum_, square):
    """Return mean and variance of `n` levels less the level `at`, exact but for one rounding."""
    one = a[sum_] - b[sum_] - n * at
    two = a[square] - b[square] - 2 * at * (a[sum_] - b[sum_]) + n * at * at
    mean = float(one) / float(n)
    variance = float(two) / float(n) - mean * mean
    return mean, variance if variance > max(1.0, 1e-12 * float(two) / float(n)) else 0.0


@compiled
def returns(a, b, n):
    """Return mean and variance of `n` returns; less than a unit of variance is rounding, and 0."""
    one, two = a[R] - b[R], a[RR] - b[RR]
    mean = float(one) / float(n)
    variance = float(two) / float(n) - mean * mean
    return mean, variance if variance > max(1.0, 1e-12 * float(two) / float(n)) else 0.0


@compiled
def motion(e, w, sums, a, h, b, mean, sd, centre, spread, wanted, out):
    """Write families 0 to 6 of the window of `w` bars that ends before row `e`."""
    half, third = w // 2, w // 3
    displacement = -centre / spread
    drift = mean / sd * math.sqrt(float(w))
    put(wanted, 0, out, mean * BPS)
    put(wanted, 1, out, displacement)
    put(wanted, 2, out, drift)
    late = float(a[R] - h[R]) / float(half)
    early = float(h[R] - b[R]) / float(w - half)
    put(wanted, 3, out, (late - early) / sd)
    if wanted[4] >= 0:
        late_3, late_2, late_1 = sums[e - third], sums[e - 2 * third], sums[e - 3 * third]
        third_3, third_2 = float(a[R] - late_3[R]), float(late_3[R] - late_2[R])
        third_1 = float(late_2[R] - late_1[R])
        put(wanted, 4, out, (third_3 - 2.0 * third_2 + third_1) / float(third) / sd)
    if wanted[5] >= 0:
        put(wanted, 5, out, math.atan2(drift, displacement))
    path = float(a[AR] - b[AR])
    put(wanted, 6, out, abs(float(a[R] - b[R])) / path)
