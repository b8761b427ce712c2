"""SSVI: all expiries in three parameters, without arbitrage between strikes or between expiries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import msgspec
import numpy as np

ROUNDS, STEPS = 7, 5
STEEPEST = 0.999


class JointFit(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of w(x) = theta/2 (1 + rho phi x + sqrt((phi x + rho)^2 + 1 - rho^2)).

    phi = eta / (theta^gamma (1 + theta)^(1 - gamma)). With eta (1 + |rho|) <= 2 no butterfly has a
    negative price, and with `thetas`, the variances at the money by expiry, ascending no calendar
    spread has. `error` is the mean square error of volatilities times the root of time.
    """

    rho: float
    eta: float
    gamma: float
    thetas: tuple[float, ...]
    error: float

    def slice_parameters(self, theta: float) -> tuple[float, float, float, float, float]:
        """Return (a, d, c, m, s) of the SVI slice with the variance `theta` at the money."""
        phi, rho = _phi(theta, self.eta, self.gamma), self.rho
        c = theta * phi / 2
        m, s = -rho / phi, math.sqrt(1 - rho * rho) / phi
        return theta / 2 * (1 - rho * rho), c * rho, c, m, s


def fit_joint(
    at_the_money: Sequence[float], x: Sequence[np.ndarray], total: Sequence[np.ndarray]
) -> JointFit:
    """Return the best fit of total variances `total` at log-moneyness `x`, by expiry ascending.

    `at_the_money` has the variance at x = 0 of each; where one is below the one before, both are
    set to the mean of the two, as is required of variances that ascend.
    """
    thetas = _ascending(at_the_money)
    roots = [np.sqrt(one) for one in total]
    bounds = [(-STEEPEST, STEEPEST), (0.01, 2.0), (0.0, 1.0)]
    best, found = math.inf, (0.0, 1.0, 0.5)
    low, high = [b[0] for b in bounds], [b[1] for b in bounds]
    for _ in range(ROUNDS):
        axes = [np.linspace(a, b, STEPS) for a, b in zip(low, high, strict=True)]
        for rho, eta, gamma in product(*(axis.tolist() for axis in axes)):
            if eta * (1 + abs(rho)) > 2:
                continue
            error = 0.0
            for theta, at, root in zip(thetas, x, roots, strict=True):
                y = _phi(theta, eta, gamma) * at
                w = theta / 2 * (1 + rho * y + np.sqrt((y + rho) ** 2 + 1 - rho * rho))
                error += float(np.mean((np.sqrt(w) - root) ** 2))
            if error < best:
                best, found = error, (rho, eta, gamma)
        for i, value in enumerate(found):
            wide = (high[i] - low[i]) / (STEPS - 1)
            low[i] = max(value - wide, bounds[i][0])
            high[i] = min(value + wide, bounds[i][1])
    return JointFit(
        rho=found[0],
        eta=found[1],
        gamma=found[2],
        thetas=tuple(thetas),
        error=best / max(len(thetas), 1),
    )


def _phi(theta: float, eta: float, gamma: float) -> float:
    power: float = theta**gamma * (1 + theta) ** (1 - gamma)
    return eta / power


def _ascending(values: Sequence[float]) -> list[float]:
    """Return the ascending values nearest to given ones, by pooling neighbours that descend."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, count = pools.pop()
            before, more = pools[-1]
            pools[-1] = [(before * more + mean * count) / (more + count), more + count]
    return [mean for mean, count in pools for _ in range(int(count))]
