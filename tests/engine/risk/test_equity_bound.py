"""The lower bound of equity computed from fills: never more than the true equity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.risk.equity_bound import MAX_FILLS, ContractExposure, EquityBound

START, MULTIPLIER, FEE, MAINTENANCE = 50_000.0, 5.0, 0.57, 1_800.0

ticks = st.integers(min_value=4_000 * 4, max_value=6_000 * 4)
sizes = st.integers(min_value=-5, max_value=5).filter(bool)


def fill(size: int, price: float) -> tuple[float, float, float]:
    """Return signed contracts, points and the fee in dollars."""
    return float(size), price, FEE * abs(size)


def exposure(contract: str = "MES") -> ContractExposure:
    return ContractExposure(contract, MULTIPLIER, MAINTENANCE)


def fresh_bound() -> EquityBound:
    found = EquityBound()
    found.reset(START)
    return found


@pytest.fixture
def bound() -> EquityBound:
    return fresh_bound()


@given(st.lists(st.tuples(sizes, ticks), max_size=30), ticks)
def test_at_every_safe_price_equity_covers_the_bound_and_the_maintenance_margin(fills, tick):
    bound, mes, cash, net = fresh_bound(), exposure(), START, 0
    for size, at in fills:
        bound.apply_fill(mes, *fill(size, at / 4))
        cash -= size * at / 4 * MULTIPLIER + FEE * abs(size)
        net += size
    price = tick / 4
    true = cash + net * price * MULTIPLIER
    if net == 0:
        assert bound.least == pytest.approx(true, abs=0.01)
    elif bound.low < price < bound.high:
        assert bound.least <= true
        assert abs(net) * MAINTENANCE < true


def test_the_bound_is_invalid_after_many_fills(bound: EquityBound):
    mes = exposure()
    for number in range(MAX_FILLS):
        bound.apply_fill(mes, *fill(1 if number % 2 else -1, 5_000))
    assert not bound.known


def test_it_is_flat_only_without_a_position(bound: EquityBound):
    mes = exposure()
    bound.apply_fill(mes, *fill(1, 5_000))
    assert not bound.is_flat
    bound.apply_fill(mes, *fill(-1, 5_000))
    assert bound.is_flat
