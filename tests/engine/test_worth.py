"""What the account is worth, kept from fills: never more than the truth allows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Currency, Money, Price, Quantity

from qe_plugins.engine.worth import OFTEN, SLACK, Worth

START, MULTIPLIER, FEE, MAINTENANCE = 50_000.0, 5.0, 0.57, 1_800.0
USD = Currency.from_str("USD")

ticks = st.integers(min_value=4_000 * 4, max_value=6_000 * 4)
sizes = st.integers(min_value=-5, max_value=5).filter(bool)


def fill(size: int, price: float) -> Any:
    return SimpleNamespace(
        last_qty=Quantity.from_int(abs(size)),
        last_px=Price(price, 2),
        is_buy=size > 0,
        commission=Money(FEE * abs(size), USD),
    )


def taken(worth: Worth, size: int, price: float, contract: str = "MES") -> None:
    worth.take(contract, fill(size, price), MULTIPLIER, MAINTENANCE)


@pytest.fixture
def worth() -> Worth:
    found = Worth()
    found.learn(START, {})
    return found


@given(st.lists(st.tuples(sizes, ticks), max_size=30), ticks)
def test_at_every_safe_price_the_account_is_worth_the_least_and_holds_what_it_holds(fills, tick):
    worth, cash, net = Worth(), START, 0
    worth.learn(START, {})
    for size, at in fills:
        taken(worth, size, at / 4)
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
    worth = Worth()
    worth.learn(START, {})
    taken(worth, size, tick / 4)
    price, initial = tick / 4 + moved, 2_000.0
    true = START - FEE * abs(size) + size * (price - tick / 4) * MULTIPLIER
    if worth.holds("MES", more, initial) and worth.low < price < worth.high:
        assert abs(size + more) * initial <= true


def test_nothing_is_said_before_the_account_was_looked_at():
    assert not Worth().holds("MES", 1, 0.01)


def test_a_second_contract_leaves_it_to_the_engine(worth: Worth):
    taken(worth, 1, 5_000)
    taken(worth, 1, 18_000, "MNQ")
    assert not worth.holds("MES", 1, 0.01)
    assert worth.low == worth.high


def test_of_two_contracts_the_one_that_is_left_is_left_to_the_engine(worth: Worth):
    taken(worth, 1, 5_000)
    taken(worth, 1, 18_000, "MNQ")
    taken(worth, -1, 5_010)
    assert not worth.known


def test_within_a_few_dollars_of_the_limit_it_says_nothing(worth: Worth):
    assert worth.holds("MES", 10, (START - SLACK) / 10 - 0.01)
    assert not worth.holds("MES", 10, (START - SLACK) / 10)


def test_the_engine_is_asked_again_every_so_often(worth: Worth):
    for number in range(OFTEN):
        taken(worth, 1 if number % 2 else -1, 5_000)
    assert not worth.known
