"""What the account is worth, kept from fills: never more than the truth allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.worth import OFTEN, SLACK, Line, Worth

START, MULTIPLIER, FEE, MAINTENANCE = 50_000.0, 5.0, 0.57, 1_800.0

ticks = st.integers(min_value=4_000 * 4, max_value=6_000 * 4)
sizes = st.integers(min_value=-5, max_value=5).filter(bool)


def fill(size: int, price: float) -> tuple[float, float, float]:
    """Return signed contracts, points and the fee in dollars."""
    return float(size), price, FEE * abs(size)


def line(contract: str = "MES") -> Line:
    return Line(contract, MULTIPLIER, MAINTENANCE, {})


def learned() -> Worth:
    found = Worth()
    found.learn(START)
    return found


@pytest.fixture
def worth() -> Worth:
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


@given(sizes, sizes, ticks, st.floats(min_value=-20_000, max_value=20_000))
def test_what_it_says_can_be_held_can_be_held(size, more, tick, moved):
    worth, initial = learned(), 2_000.0
    worth.take(line(), *fill(size, tick / 4))
    price = tick / 4 + moved
    true = START - FEE * abs(size) + size * (price - tick / 4) * MULTIPLIER
    if worth.holds("MES", more, initial) and worth.low < price < worth.high:
        assert abs(size + more) * initial <= true


def test_nothing_is_said_before_the_account_was_looked_at():
    assert not Worth().holds("MES", 1, 0.01)


def test_a_second_contract_leaves_it_to_the_engine(worth: Worth):
    worth.take(line("MES"), *fill(1, 5_000))
    worth.take(line("MNQ"), *fill(1, 18_000))
    assert not worth.holds("MES", 1, 0.01)
    assert worth.low == worth.high


def test_a_contract_after_another_is_known(worth: Worth):
    mes = line("MES")
    worth.take(mes, *fill(1, 5_000))
    worth.take(mes, *fill(-1, 5_010))
    worth.take(line("MNQ"), *fill(1, 18_000))
    assert worth.holds("MNQ", 1, 2_000)
    assert not worth.holds("MES", 1, 2_000)


def test_within_a_few_dollars_of_the_limit_it_says_nothing(worth: Worth):
    assert worth.holds("MES", 10, (START - SLACK) / 10 - 0.01)
    assert not worth.holds("MES", 10, (START - SLACK) / 10)


def test_the_engine_is_asked_again_every_so_often(worth: Worth):
    mes = line()
    for number in range(OFTEN):
        worth.take(mes, *fill(1 if number % 2 else -1, 5_000))
    assert not worth.known


def test_only_while_something_is_held_does_a_price_need_a_look(worth: Worth):
    mes = line()
    worth.take(mes, *fill(1, 5_000))
    assert not worth.settled
    worth.take(mes, *fill(-1, 5_000))
    assert worth.settled
