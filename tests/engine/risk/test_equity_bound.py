"""What the account is worth, kept from fills: never more than the truth allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.risk.equity_bound import OFTEN, ContractExposure, EquityBound

START, MULTIPLIER, FEE, MAINTENANCE = 50_000.0, 5.0, 0.57, 1_800.0

ticks = st.integers(min_value=4_000 * 4, max_value=6_000 * 4)
sizes = st.integers(min_value=-5, max_value=5).filter(bool)


def fill(size: int, price: float) -> tuple[float, float, float]:
    """Return signed contracts, points and the fee in dollars."""
    return float(size), price, FEE * abs(size)


def line(contract: str = "MES") -> ContractExposure:
    return ContractExposure(contract, MULTIPLIER, MAINTENANCE, {})


def learned() -> EquityBound:
    found = EquityBound()
    found.learn(START)
    return found


@pytest.fixture
def worth() -> EquityBound:
    return learned()


@given(st.lists(st.tuples(sizes, ticks), max_size=30), ticks)
def test_at_every_safe_price_the_account_is_worth_the_least_and_holds_what_it_holds(fills, tick):
    worth, mes, cash, net = learned(), line(), START, 0
    for size, at in fills:
        worth.take(mes, *fill(size, at / 4))
        cash -= size * at / 4 * MULTIPLIER + FEE * abs(size)
        net += size
    price = tick / 4
    true = cash + net * price * MULTIPLIER
    if net == 0:
        assert worth.least == pytest.approx(true, abs=0.01)
    elif worth.low < price < worth.high:
        assert worth.least <= true
        assert abs(net) * MAINTENANCE < true


def test_the_engine_is_asked_again_every_so_often(worth: EquityBound):
    mes = line()
    for number in range(OFTEN):
        worth.take(mes, *fill(1 if number % 2 else -1, 5_000))
    assert not worth.known


def test_only_while_something_is_held_does_a_price_need_a_look(worth: EquityBound):
    mes = line()
    worth.take(mes, *fill(1, 5_000))
    assert not worth.settled
    worth.take(mes, *fill(-1, 5_000))
    assert worth.settled
