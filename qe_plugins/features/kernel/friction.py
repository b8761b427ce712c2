"""Compiled families of range and friction: what a move costs and how much trades."""

from __future__ import annotations

import math

from qe_plugins.features.kernel.compiled import compiled
from qe_plugins.features.kernel.motion import BPS, log1p, put
from qe_plugins.features.kernel.prefix import (
    ASV,
    HH,
    ILL,
    ILLIQUID,
    NV,
    OC,
    RR1,
    RS,
    RSV,
    SIGNED,
    SV,
    SVSV,
    VV,
    R,
    V,
)

BODY = 2.0 * math.log(2.0) - 1.0


@compiled
def friction(w, a, h, b, x, mean, sd, extremes, wanted, out):
    """Write families 29 to 39; `extremes` are high, low, and the high before the last bar."""
    half, n = w // 2, float(w)
    high, low, former = extremes
    ranges = float(a[HH] - b[HH]) / n
    if wanted[29] >= 0:
        put(wanted, 29, out, math.log(ranges / (4.0 * math.log(2.0)) / (sd * sd)))
    if wanted[30] >= 0:
        garman = 0.5 * ranges - BODY * float(a[OC] - b[OC]) / n
        put(wanted, 30, out, log1p(max(garman, 0.0) * BPS * BPS))
    if wanted[31] >= 0:
        rogers = float(a[RS] - b[RS]) / n
        put(wanted, 31, out, log1p(max(rogers, 0.0) * BPS * BPS))
    if wanted[32] >= 0:
        bounce = float(a[RR1] - b[RR1]) / n - mean * mean
        put(wanted, 32, out, 2.0 * math.sqrt(max(-bounce, 0.0)) * BPS)
    if wanted[33] >= 0:
        traded = float(a[NV] - b[NV])
        illiquid = float(a[ILL] - b[ILL]) / traded / ILLIQUID
        put(wanted, 33, out, log1p(illiquid * BPS * 1e3))
    volume = float(a[V] - b[V])
    if wanted[34] >= 0:
        signed = float(a[SV] - b[SV])
        spread = float(a[SVSV] - b[SVSV]) - signed * signed / n
        joint = float(a[RSV] - b[RSV]) - float(a[R] - b[R]) * signed / n
        put(wanted, 34, out, joint / spread * SIGNED * (volume / n) / sd)
    put(wanted, 35, out, float(a[ASV] - b[ASV]) / SIGNED / volume)
    put(wanted, 36, out, float(a[V] - h[V]) / float(half) / (volume / n))
    if wanted[37] >= 0:
        squares = float(a[VV] - b[VV]) / n - (volume / n) * (volume / n)
        put(wanted, 37, out, math.sqrt(max(squares, 0.0)) / (volume / n))
    put(wanted, 38, out, float(x - low) / float(high - low))
    put(wanted, 39, out, float(x - former) / sd)
