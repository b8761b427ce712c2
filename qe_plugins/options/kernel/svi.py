"""Compiled SVI: one expiry's total variance over log-moneyness, by the quasi-explicit method.

w(x) = a + d (x - m) + c sqrt((x - m)^2 + s^2): for a given (m, s) the rest is linear, so only two
parameters are searched (Zeliade, "Quasi-explicit calibration of Gatheral's SVI model", 2009).
"""

from __future__ import annotations

import math

import numpy as np

from qe_plugins.options.kernel.compiled import compiled

ROUNDS, STEPS = 8, 7
MOST_WIDTH, MOST_OFFSET = 1.0, 0.3
PENALTY = 1e3
"""Factor on the error of parameters that are no SVI slice, so that the search leaves them."""


@compiled
def linear_part(x, total, weight, m, s, best):
    """Write the weighted least squares (a, d, c) for (m, s) into `best`; return their error."""
    n = 0.0
    sy = sz = syy = syz = szz = sw = swy = swz = sww = 0.0
    for i in range(x.shape[0]):
        y = x[i] - m
        z = math.sqrt(y * y + s * s)
        q, v = weight[i], total[i]
        n += q
        sy += q * y
        sz += q * z
        syy += q * y * y
        syz += q * y * z
        szz += q * z * z
        sw += q * v
        swy += q * v * y
        swz += q * v * z
        sww += q * v * v
    vyy = syy - sy * sy / n
    vyz = syz - sy * sz / n
    vzz = szz - sz * sz / n
    cy = swy - sw * sy / n
    cz = swz - sw * sz / n
    determinant = vyy * vzz - vyz * vyz
    if not determinant > 1e-14 * vyy * vzz:
        return math.inf
    d = (cy * vzz - cz * vyz) / determinant
    c = (cz * vyy - cy * vyz) / determinant
    a = (sw - d * sy - c * sz) / n
    best[0], best[1], best[2] = a, d, c
    error = (sww - sw * sw / n) - d * cy - c * cz
    if error < 0.0:
        error = 0.0
    if not (c > 0.0 and abs(d) < c and c + abs(d) <= 2.0):
        return (error + 1e-12) * PENALTY
    if a + s * math.sqrt(c * c - d * d) < 0.0:
        return (error + 1e-12) * PENALTY
    return error


@compiled
def fit_slice(x, total, weight, least, out):
    """Write (a, d, c, m, s) of the best slice; return the weighted squared error.

    `x` is ln(strike / forward), `total` the variance to expiry, ascending in `x`; `least` bounds
    `s`, the width of the bend, from below.
    """
    low_m, high_m = -MOST_OFFSET, MOST_OFFSET
    low_s, high_s = math.log(least), math.log(MOST_WIDTH)
    best, m_best, s_best = math.inf, 0.0, -2.0
    found, trial = np.zeros(3), np.zeros(3)
    for _ in range(ROUNDS):
        for i in range(STEPS):
            m = low_m + (high_m - low_m) * i / (STEPS - 1)
            for j in range(STEPS):
                log_s = low_s + (high_s - low_s) * j / (STEPS - 1)
                error = linear_part(x, total, weight, m, math.exp(log_s), trial)
                if error < best:
                    best, m_best, s_best = error, m, log_s
                    found[:] = trial
        wide_m, wide_s = (high_m - low_m) / 4.0, (high_s - low_s) / 4.0
        low_m, high_m = m_best - wide_m, m_best + wide_m
        low_s = max(s_best - wide_s, math.log(least))
        high_s = min(s_best + wide_s, math.log(MOST_WIDTH))
    out[0], out[1], out[2] = found[0], found[1], found[2]
    out[3], out[4] = m_best, math.exp(s_best)
    return best


@compiled
def total_variance(p, x, out):
    """Write the total variance of a slice (a, d, c, m, s) at log-moneyness `x`."""
    for i in range(x.shape[0]):
        y = x[i] - p[3]
        out[i] = p[0] + p[1] * y + p[2] * math.sqrt(y * y + p[4] * p[4])


@compiled
def durrleman(p, x, out):
    """Write Durrleman's function of a slice: negative where a butterfly has a negative price."""
    for i in range(x.shape[0]):
        y = x[i] - p[3]
        root = math.sqrt(y * y + p[4] * p[4])
        w = p[0] + p[1] * y + p[2] * root
        first = p[1] + p[2] * y / root
        second = p[2] * p[4] * p[4] / (root * root * root)
        if not w > 0.0:
            out[i] = -math.inf
            continue
        g = 1.0 - x[i] * first / (2.0 * w)
        out[i] = g * g - first * first * (1.0 / w + 0.25) / 4.0 + second / 2.0
