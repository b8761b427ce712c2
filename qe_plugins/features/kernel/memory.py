"""Compiled families of memory: reversion, echo, diffusion, and energy by scale."""

from __future__ import annotations

import math

from qe_plugins.features.kernel.compiled import compiled
from qe_plugins.features.kernel.energy import slope
from qe_plugins.features.kernel.motion import put
from qe_plugins.features.kernel.prefix import RR, RR1, T, W

SLOWEST = 1e-4
"""Reversion per bar below which a half-life is not told apart from none."""


@compiled
def log_slope(a, b, first):
    """Return the slope of the binary logarithm of five sums over their number, with one log."""
    least, low = a[first] - b[first], a[first + 1]
    high, most = a[first + 3], a[first + 4] - b[first + 4]
    low, high = low - b[first + 1], high - b[first + 3]
    above = float(most) * float(most) * float(high)
    return math.log2(above / (float(least) * float(least) * float(low))) / 10.0


@compiled
def memory(w, a, h, b, y, mean, sd, wanted, out):
    """Write families 14 to 21; the rows of sums are the window's end, middle and begin."""
    half = w // 2
    if wanted[14] >= 0 or wanted[15] >= 0:
        stiffness = -slope(a, b, w, y)
        put(wanted, 14, out, stiffness)
        reversion = max(stiffness, SLOWEST) if math.isfinite(stiffness) else stiffness
        put(wanted, 15, out, math.log(math.log(2.0) / reversion))
    if wanted[16] >= 0:
        echo = float(a[RR1] - b[RR1]) / float(w) - mean * mean
        put(wanted, 16, out, echo / (sd * sd))
    if wanted[17] >= 0:
        put(wanted, 17, out, slope(a, h, half, y) - slope(h, b, w - half, y))
    if wanted[18] >= 0:
        late = float(a[RR] - h[RR]) / float(half)
        early = float(h[RR] - b[RR]) / float(w - half)
        put(wanted, 18, out, math.log(late / early))
    if wanted[19] >= 0 or wanted[20] >= 0:
        first, last = float(a[T] - b[T]), float(a[T + 4] - b[T + 4])
        put(wanted, 19, out, last / (16.0 * first))
        put(wanted, 20, out, log_slope(a, b, T) / 2.0)
    if wanted[21] >= 0:
        put(wanted, 21, out, log_slope(a, b, W) - 2.0)
