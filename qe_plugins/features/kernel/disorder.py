"""Compiled families of disorder: entropies, tails, jumps."""

from __future__ import annotations

import math

import numpy as np

from qe_plugins.features.kernel.compiled import compiled
from qe_plugins.features.kernel.motion import put
from qe_plugins.features.kernel.prefix import BV, DN, ORDER, RR, SYMBOL, W

TIMES_LOG = np.array([n * math.log(max(n, 1)) for n in range(513)])


@compiled
def word_entropy(a, b, n, first, count):
    """Return the entropy of a window's words, 0 for one word and 1 for all equally often."""
    total = 0.0
    for q in range(count):
        total += TIMES_LOG[a[first + q] - b[first + q]]
    return (math.log(n) - total / n) / math.log(float(count))


@compiled
def disorder(w, a, b, mean, variance, powers, wanted, out):
    """Write families 22 to 28; `powers` are the sums of third and fourth powers."""
    n = float(w)
    cubes, quartics = powers
    if wanted[22] >= 0:
        whole = 0.0
        for q in range(5):
            whole += float(a[W + q] - b[W + q]) / float(1 << 2 * q)
        entropy = 0.0
        for q in range(5):
            share = float(a[W + q] - b[W + q]) / float(1 << 2 * q) / whole
            if share > 0.0:
                entropy -= share * math.log(share)
        put(wanted, 22, out, entropy / math.log(5.0) if whole > 0.0 else math.nan)
    if wanted[23] >= 0:
        put(wanted, 23, out, word_entropy(a, b, n, ORDER, 6))
    if wanted[24] >= 0:
        put(wanted, 24, out, word_entropy(a, b, n, SYMBOL, 9))
    square = float(a[RR] - b[RR])
    if wanted[25] >= 0:
        third = cubes / n - 3.0 * mean * square / n + 2.0 * mean * mean * mean
        put(wanted, 25, out, third / (variance * math.sqrt(variance)))
    if wanted[26] >= 0:
        fourth = quartics / n - 4.0 * mean * cubes / n + 6.0 * mean * mean * square / n
        fourth -= 3.0 * mean * mean * mean * mean
        put(wanted, 26, out, fourth / (variance * variance))
    put(wanted, 27, out, 1.0 - 0.5 * math.pi * float(a[BV] - b[BV]) / square)
    put(wanted, 28, out, float(a[DN] - b[DN]) / square)
