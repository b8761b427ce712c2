"""Scenario grids and the margin scan: the worst case is the worst case, and wings bound it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from qe_plugins.errors import DataError
from qe_plugins.options.margin import COVERED, EXTREME, margin_scan
from qe_plugins.options.positions import Leg, profits
from qe_plugins.options.scenarios import scenario_grid

PRICE, RATE, MARGIN, MULTIPLIER = 5_000.0, 0.045, 15_000.0, 50.0


def leg(sign, strike, contracts, *, vol=0.16, years=0.08, american=False):
    return Leg(
        sign=sign, strike=strike, years=years, volatility=vol, contracts=contracts,
        multiplier=MULTIPLIER, american=american,
    )  # fmt: skip


def condor(width=50.0):
    return [
        leg(-1, 4_700 - width, 1), leg(-1, 4_700, -1),
        leg(1, 5_200, -1), leg(1, 5_200 + width, 1),
    ]  # fmt: skip


LEGS = st.lists(
    st.builds(
        leg,
        st.sampled_from([1, -1]),
        st.floats(4_000, 6_000),
        st.integers(-5, 5),
        vol=st.floats(0.08, 0.6),
        years=st.floats(0.01, 0.5),
        american=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(legs=LEGS)
def test_the_scan_is_never_below_the_worst_of_its_scenarios(legs):
    scan = margin_scan(legs, PRICE, RATE, MARGIN, MULTIPLIER)
    reach = MARGIN / MULTIPLIER / PRICE
    inside = profits(legs, PRICE, RATE, moves=(0.0, reach, -reach), changes=(0.3, -0.3))
    beyond = profits(
        legs, PRICE, RATE, moves=(0.0, EXTREME * reach, -EXTREME * reach), changes=(0.0,)
    )

    assert len(scan.losses) == 16
    assert scan.scan_risk >= -inside.min() - 1e-6
    assert scan.scan_risk >= -beyond.min() * COVERED - 1e-6
    assert scan.requirement >= scan.scan_risk - scan.option_value - 1e-6


def test_a_naked_short_needs_more_than_the_same_with_a_wing_and_a_far_one_is_not_free():
    naked = margin_scan([leg(1, 5_200, -1)], PRICE, RATE, MARGIN, MULTIPLIER)
    winged = margin_scan([leg(1, 5_200, -1), leg(1, 5_250, 1)], PRICE, RATE, MARGIN, MULTIPLIER)
    far = margin_scan([leg(1, 9_000, -1)], PRICE, RATE, MARGIN, MULTIPLIER)

    assert naked.requirement > winged.requirement
    assert winged.scan_risk <= 50 * MULTIPLIER
    assert far.requirement >= 0.05 * MARGIN


def test_a_future_is_asked_for_its_own_margin():
    scan = margin_scan([Leg(sign=0, contracts=1, multiplier=50)], PRICE, RATE, MARGIN, MULTIPLIER)

    assert scan.requirement == pytest.approx(MARGIN)


@given(width=st.floats(5, 200))
def test_a_condor_loses_no_more_than_its_width_less_its_credit(width):
    legs = condor(width)
    credit = -margin_scan(legs, PRICE, RATE, MARGIN, MULTIPLIER).option_value
    expired = [replace(one, years=1e-9) for one in legs]
    at_expiry = profits(expired, PRICE, RATE, moves=(0.0, -0.3, -0.15, 0.15, 0.3), changes=(0.0,))
    grid = scenario_grid(legs, PRICE, RATE)

    assert at_expiry.min() == pytest.approx(-width * MULTIPLIER, rel=1e-6)
    assert grid.worst <= width * MULTIPLIER - credit + 1e-6


def test_no_move_no_day_and_no_change_of_volatility_is_no_profit():
    grid = scenario_grid(condor(), PRICE, RATE, changes=(0.0,))

    assert grid.sticky_strike[0][0][0] == pytest.approx(0, abs=1e-9)


def test_a_short_straddle_loses_in_every_large_move_and_is_shown_its_worst_days():
    straddle = [leg(1, 5_000, -1), leg(-1, 5_000, -1)]
    grid = scenario_grid(straddle, PRICE, RATE)

    assert all(profit < -5_000 for profit in grid.historic.values())
    assert grid.worst >= -min(grid.historic.values())


def test_an_option_without_a_volatility_has_no_risk_figure():
    with pytest.raises(DataError, match="without a surface"):
        leg(1, 5_000, -1, vol=0.0)
