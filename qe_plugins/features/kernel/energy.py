"""Compiled families of energy: variance is temperature, volume is mass."""

from __future__ import annotations

import math

from qe_plugins.features.kernel.compiled import compiled
from qe_plugins.features.kernel.motion import BPS, level, log1p, put
from qe_plugins.features.kernel.prefix import COARSE, LD, LL, VR, VX, L, V, Y

BPS_COARSE = 1e4 * COARSE


@compiled
def slope(a, b, n, at):
    """Return the slope of a level's change on the level a bar before, fitted with a constant."""
    mean, variance = level(a, b, n, at, L, LL)
    moved = a[Y] - a[L] - b[Y] + b[L]
    product = a[LD] - b[LD] - at * moved
    return (float(product) / float(n) - mean * float(moved) / float(n)) / variance


@compiled
def energy(w, a, b, x, y, sd, centre, spread, weighted, wanted, out):
    """Write families 7 to 13; `weighted` are volume's sums of squared returns and distances."""
    mass_square, mass_spread = weighted
    mass = float(a[V] - b[V])
    put(wanted, 7, out, math.log(sd * sd * BPS * BPS))
    kinetic = log1p(mass_square / mass * BPS * BPS)
    put(wanted, 8, out, kinetic)
    if wanted[9] >= 0 or wanted[10] >= 0:
        stiffness = -slope(a, b, w, y)
        stretched = centre * BPS_COARSE
        potential = log1p(0.5 * max(stiffness, 0.0) * stretched * stretched)
        if not math.isfinite(stiffness):
            potential = stiffness
        put(wanted, 9, out, potential)
        put(wanted, 10, out, kinetic - potential)
    put(wanted, 11, out, float(a[VR] - b[VR]) / mass / sd)
    whole = a[V] - b[V]
    distance = float(a[VX] - b[VX] - whole * x) / mass
    inertia = mass_spread / mass - distance * distance
    put(wanted, 12, out, log1p(max(inertia, 0.0) * BPS * BPS) if mass > 0.0 else math.nan)
    put(wanted, 13, out, -distance / (spread * 32.0))
