"""Compiled revaluation of positions under moves of price, of volatility, and of time."""

from __future__ import annotations

import math

from qe_plugins.options.kernel.american import american_one
from qe_plugins.options.kernel.black76 import forward_value
from qe_plugins.options.kernel.compiled import compiled


@compiled
def leg_value(f, k, t, rate, vol, sign, american):
    """Return the value of one contract in points; a future (`sign` 0) is worth its price."""
    if sign == 0.0:
        return f
    if t <= 0.0:
        return max(sign * (f - k), 0.0)
    if american:
        return american_one(f, k, t, rate, vol, sign)
    return math.exp(-rate * t) * forward_value(f, k, vol * math.sqrt(t), sign)


@compiled
def revalue(f, rate, k, t, sign, american, held, vol, moves, changes, days, out):
    """Write profits to `out[day, move, change]`, against the values at the present moment.

    `held` is contracts times multiplier, `vol[move, leg]` the volatility of a leg after a move of
    the price, `changes` relative changes of volatility; column 0 of `moves` must be no move.
    """
    for leg in range(k.shape[0]):
        now = leg_value(f, k[leg], t[leg], rate, vol[0, leg], sign[leg], american[leg])
        for i in range(days.shape[0]):
            left = t[leg] - days[i] / 365.0
            for j in range(moves.shape[0]):
                price = f * (1.0 + moves[j])
                for n in range(changes.shape[0]):
                    changed = vol[j, leg] * (1.0 + changes[n])
                    value = leg_value(price, k[leg], left, rate, changed, sign[leg], american[leg])
                    out[i, j, n] += held[leg] * (value - now)


@compiled
def scan_losses(f, rate, legs, scenarios, out):
    """Write the loss of each scenario to `out`, and last what the options are worth now.

    A row of `legs` is strike, years, sign, American (0 or 1), contracts times multiplier, and
    volatility; one of `scenarios` a move of the price, a change of volatility, both relative, and
    the share of the loss that counts.
    """
    last = scenarios.shape[0]
    out[:] = 0.0
    for leg in range(legs.shape[0]):
        k, t, sign = legs[leg, 0], legs[leg, 1], legs[leg, 2]
        early, held, vol = legs[leg, 3] > 0.0, legs[leg, 4], legs[leg, 5]
        now = leg_value(f, k, t, rate, vol, sign, early)
        if sign != 0.0:
            out[last] += held * now
        for i in range(last):
            price, changed = f * (1.0 + scenarios[i, 0]), vol * (1.0 + scenarios[i, 1])
            out[i] -= held * (leg_value(price, k, t, rate, changed, sign, early) - now)
    for i in range(last):
        out[i] *= scenarios[i, 2]
