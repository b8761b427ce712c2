"""Slices and joint fits of made-up smiles: recovered, checked for arbitrage, repaired."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.options.kernel.svi import fit_slice, total_variance
from qe_plugins.options.ssvi import fit_joint
from qe_plugins.options.surface import Slice, butterfly, crossing


def made(theta: float, years: float, *, d: float = -0.04, c: float = 0.08, expiry: int = 0):
    return Slice(
        expiry=expiry, at=0, years=years, forward=5_000, a=theta - c * 0.1, d=d, c=c, m=0.0, s=0.1,
        low=-0.2, high=0.1, quotes=40, median_error=0.0, p95_error=0.0, inside=1.0,
    )  # fmt: skip


@given(
    a=st.floats(0.001, 0.02),
    c=st.floats(0.02, 0.3),
    rho=st.floats(-0.9, 0.5),
    m=st.floats(-0.05, 0.05),
    s=st.floats(0.03, 0.3),
)
def test_a_slice_is_recovered_from_its_own_points(a, c, rho, m, s):
    x = np.linspace(-0.25, 0.12, 40)
    points, fitted, found = np.empty(40), np.empty(40), np.empty(5)
    total_variance(np.array([a, c * rho, c, m, s]), x, points)
    fit_slice(x, points, np.ones(40), 0.005, found)
    total_variance(found, x, fitted)

    assert np.abs(np.sqrt(fitted) - np.sqrt(points)).max() < 2e-3


def test_a_bend_that_is_too_sharp_is_butterfly_arbitrage():
    assert butterfly(made(0.01, 0.2)) > 0
    assert butterfly(msgspec.structs.replace(made(0.01, 0.2), c=1.5, d=-1.4, s=0.01)) < 0


def test_slices_that_cross_are_seen_and_a_joint_fit_of_them_does_not_cross():
    early, late = made(0.012, 0.2, expiry=1), made(0.010, 0.3, expiry=2)
    x = [np.linspace(-0.2, 0.1, 31)] * 2
    joint = fit_joint([0.012, 0.010], x, [early.total(x[0]), late.total(x[1])])
    parameters = [dict(zip("adcms", joint.slice_parameters(t), strict=True)) for t in joint.thetas]
    fitted = [
        msgspec.structs.replace(one, **changed)
        for one, changed in zip((early, late), parameters, strict=True)
    ]

    assert crossing([early, late]) == [2]
    assert crossing(fitted) == []
    assert min(map(butterfly, fitted)) >= 0


@pytest.mark.parametrize(
    ("given_", "expected"),
    [([1, 2, 3], [1, 2, 3]), ([1, 3, 2], [1, 2.5, 2.5]), ([3, 2, 1], [2, 2, 2])],
)
def test_variances_at_the_money_are_made_to_ascend(given_, expected):
    grid = [np.linspace(-0.1, 0.1, 5)] * 3
    scaled = [value / 100 for value in given_]
    joint = fit_joint(scaled, grid, [np.full(5, value) for value in scaled])

    assert np.allclose(np.array(joint.thetas) * 100, expected)
