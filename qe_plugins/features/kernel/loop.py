"""The kernel: the features of one bar from the running sums, and its loop over bars."""

from __future__ import annotations

import math

import numpy as np

from qe_plugins.features.kernel.compiled import compiled
from qe_plugins.features.kernel.disorder import disorder
from qe_plugins.features.kernel.energy import energy
from qe_plugins.features.kernel.friction import friction
from qe_plugins.features.kernel.memory import memory
from qe_plugins.features.kernel.motion import level, motion, returns
from qe_plugins.features.kernel.prefix import AR, BAD, LEVEL_BOUND, YY, V, Y

MOST_PATH = 4.3e9
"""Units of the longest path in a window: 480 squared levels, counted coarsely, still fit."""

MOST_WEIGHTED = 9e18
GROUPS = ((0, 7), (7, 14), (14, 22), (22, 29), (29, 40))
LONGEST_LOOKBACK = 600
"""Bars after which no feature lacks any; a test compares it with the catalogue."""

VOLUME_ONLY = (36, 37)
"""Families that need no price: they remain where a bar has none."""


@compiled
def at(t, sums, fixed, volume, windows, needs, slots, groups, passes, out):
    """Write the features of bar `t` into `out`; return the bound that the bar breaks, or 0.

    `slots[window, family]` is a feature's place in `out`, negative where it is not wanted;
    `needs` is how many bars it needs, `groups[window, group]` whether any of a group is wanted,
    group 0 being all of them,
    `passes[window]` what is summed bar by bar for it or a longer one: 1 highs and lows, 2 powers.
    """
    if t < LONGEST_LOOKBACK:  # later every wanted feature is written below
        for k in range(out.shape[0]):
            out[k] = np.nan
    e = t + 1
    a, x, y = sums[e], fixed[t, 0], fixed[t, 4]
    high, low, former = fixed[t, 2], fixed[t, 3], np.int64(-(2**62))
    cubes = quartics = mass_square = mass_spread = 0.0
    j = t
    for k in range(windows.shape[0]):
        w = windows[k]
        s = e - w
        if s < 0:
            break
        if passes[k] & 1:
            for i in range(j, s - 1, -1):
                high, low = max(high, fixed[i, 2]), min(low, fixed[i, 3])
                if i < t:
                    former = max(former, fixed[i, 2])
        if passes[k] & 2:
            for i in range(j, s - 1, -1):
                r = 0.0
                if i > 0 and fixed[i, 5] == 0 and fixed[i - 1, 5] == 0:
                    r = float(fixed[i, 0] - fixed[i - 1, 0])
                square = r * r
                cubes += square * r
                quartics += square * square
                distance = float(fixed[i, 0] - x)
                mass_square += volume[i] * square
                mass_spread += volume[i] * distance * distance
        j = s - 1
        b = sums[s]
        path = float(a[AR] - b[AR])
        if path > MOST_PATH or path * float(a[V] - b[V]) > MOST_WEIGHTED:
            return LEVEL_BOUND
        if not groups[k, 0]:
            continue
        h, wanted = sums[e - w // 2], slots[k]
        mean, variance = returns(a, b, w)
        centre, spread = level(a, b, w, y, Y, YY)
        sd, spread = math.sqrt(variance), math.sqrt(spread)
        if groups[k, 1]:
            motion(e, w, sums, a, h, b, mean, sd, centre, spread, wanted, out)
        if groups[k, 2]:
            weighted = (mass_square, mass_spread)
            energy(w, a, b, x, y, sd, centre, spread, weighted, wanted, out)
        if groups[k, 3]:
            memory(w, a, h, b, y, mean, sd, wanted, out)
        if groups[k, 4]:
            disorder(w, a, b, mean, variance, (cubes, quartics), wanted, out)
        if groups[k, 5]:
            friction(w, a, h, b, x, mean, sd, (high, low, former), wanted, out)
    seldom = sums[e, BAD] > sums[max(e - LONGEST_LOOKBACK, 0), BAD]
    if t < LONGEST_LOOKBACK or seldom:
        for k in range(windows.shape[0]):
            for f in range(slots.shape[1]):
                place = slots[k, f]
                if place >= 0:
                    missing = e < needs[k, f]
                    if seldom and not missing and f not in VOLUME_ONLY:
                        missing = sums[e, BAD] > sums[max(e - needs[k, f], 0), BAD]
                    if missing:
                        out[place] = math.nan
    return 0


@compiled
def rows(first, last, sums, fixed, volume, windows, needs, slots, groups, passes, out):
    """Write the features of the bars from `first` up to `last`, one row a bar.

    Return (0, 0), or the bound that a bar breaks and the number of that bar.
    """
    for t in range(first, last):
        broken = at(t, sums, fixed, volume, windows, needs, slots, groups, passes, out[t - first])
        if broken != 0:
            return broken, t
    return 0, 0
