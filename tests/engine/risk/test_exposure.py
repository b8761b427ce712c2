"""An order only reduces where no way of filling takes the position through flat."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import ContingencyType, OrderSide, OrderType, TimeInForce

from qe_plugins.engine.risk.order_request import at_risk, fillable, only_reduces

BUY, SELL = OrderSide.BUY, OrderSide.SELL
MARKET, LIMIT, STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET


class Number:
    """A price or a size of the engine's."""

    def __init__(self, value: float) -> None:
        self.value = Decimal(str(value))

    def as_decimal(self) -> Decimal:
        return self.value


class Order:
    """As much of an order as decides whether it only reduces."""

    def __init__(
        self,
        name: str,
        side: OrderSide,
        contracts: int = 1,
        kind: OrderType = LIMIT,
        *,
        price: float = 100.0,
        parent: str | None = None,
        linked: tuple[str, ...] = (),
        until: TimeInForce = TimeInForce.GTC,
    ) -> None:
        self.client_order_id, self.side, self.order_type = name, side, kind
        self.leaves_qty, self.price, self.trigger_price = Number(contracts), *([Number(price)] * 2)
        self.parent_order_id, self.linked_order_ids = parent, list(linked)
        self.contingency_type = ContingencyType.OUO if linked else None
        self.time_in_force = until


def reduces(held: int, order: Order, *others: Order) -> bool:
    return only_reduces(Decimal(held), order, order.leaves_qty.as_decimal(), others)


def exits(side: OrderSide, contracts: int = 1, parent: str | None = None) -> tuple[Order, Order]:
    """Return a stop and a target that cancel one another, on `side`."""
    stop = Order("stop", side, contracts, STOP, price=90, parent=parent, linked=("target",))
    target = Order("target", side, contracts, price=110, parent=parent, linked=("stop",))
    return stop, target


@pytest.mark.parametrize(("held", "side"), [(2, SELL), (-2, BUY)])
@pytest.mark.parametrize("kind", [MARKET, LIMIT, STOP, OrderType.TRAILING_STOP_MARKET])
@pytest.mark.parametrize(("contracts", "expected"), [(1, True), (2, True), (3, False)])
def test_up_to_what_is_held_an_order_on_the_other_side_reduces(
    held: int, side: OrderSide, kind: OrderType, contracts: int, expected: bool
) -> None:
    assert reduces(held, Order("one", side, contracts, kind)) is expected
    assert not reduces(-held, Order("one", side, contracts, kind))
    assert not reduces(0, Order("one", side, contracts, kind))


@pytest.mark.parametrize(("held", "side"), [(1, SELL), (-1, BUY)])
def test_a_market_close_reduces_while_exits_rest_however_many(held: int, side: OrderSide) -> None:
    stop, target = exits(side)
    alone = [Order("stop", side, kind=STOP), Order("target", side)]
    close = Order("close", side, kind=MARKET)
    assert reduces(held, close, stop, target)
    assert reduces(held, close, *alone)
    assert not reduces(held, Order("again", side, kind=MARKET), close)
    assert not reduces(held, Order("rests", side), stop, target)


@pytest.mark.parametrize("until", [TimeInForce.IOC, TimeInForce.FOK])
def test_so_does_a_limit_order_that_never_rests(until: TimeInForce) -> None:
    stop, target = exits(SELL)
    assert reduces(1, Order("close", SELL, until=until), stop, target)


def test_siblings_that_cancel_one_another_count_once() -> None:
    stop, target = exits(SELL, 3)
    assert reduces(3, target, stop)
    assert reduces(3, stop, target)
    assert not reduces(2, target, stop)


@pytest.mark.parametrize(("entry", "side"), [(BUY, SELL), (SELL, BUY)])
def test_exits_of_an_entry_reduce_up_to_what_it_puts_on(entry: OrderSide, side: OrderSide) -> None:
    for kind in (MARKET, LIMIT, STOP):
        parent = Order("entry", entry, 2, kind)
        stop, target = exits(side, 2, parent="entry")
        assert reduces(0, stop, parent, target)
        stop, target = exits(side, 3, parent="entry")
        assert not reduces(0, stop, parent, target)


def test_exits_of_an_entry_that_filled_in_part_reduce() -> None:
    parent = Order("entry", BUY, 2)  # of three
    stop, target = exits(SELL, 3, parent="entry")
    assert reduces(1, stop, parent, target)
    assert not reduces(0, stop, parent, target)


def test_what_waits_for_an_order_that_closes_opens_again() -> None:
    closes = Order("close", SELL, 3)
    assert not reduces(5, Order("again", BUY, 3, parent="close"), closes)


@pytest.mark.parametrize("kind", [STOP, OrderType.STOP_LIMIT, LIMIT])
def test_exits_sent_with_a_market_entry_reduce(kind: OrderType) -> None:
    assert reduces(0, Order("exit", SELL, kind=kind), Order("entry", BUY, kind=MARKET))
    assert reduces(0, Order("exit", BUY, kind=kind), Order("entry", SELL, kind=MARKET))
    assert not reduces(0, Order("exit", SELL, 2, kind), Order("entry", BUY, kind=MARKET))


def test_a_stop_beyond_a_limit_entry_reduces_and_one_before_it_does_not() -> None:
    buys, sells = Order("entry", BUY, price=100), Order("entry", SELL, price=100)
    assert reduces(0, Order("stop", SELL, kind=STOP, price=95), buys)
    assert not reduces(0, Order("stop", SELL, kind=STOP, price=101), buys)
    assert reduces(0, Order("stop", BUY, kind=STOP, price=105), sells)
    assert not reduces(0, Order("stop", BUY, kind=STOP, price=99), sells)


def test_neither_leg_of_a_straddle_reduces() -> None:
    high, low = Order("high", BUY, kind=STOP, price=105), Order("low", SELL, kind=STOP, price=95)
    assert not reduces(0, low, high)
    assert not reduces(0, high, low)
    assert not reduces(0, Order("far", SELL, price=110), Order("near", BUY, price=100))


sizes = st.integers(1, 4)
resting = st.lists(st.tuples(st.sampled_from([BUY, SELL]), sizes), max_size=4)


@given(st.integers(-4, 4), resting, st.sampled_from([BUY, SELL]), sizes, st.permutations(range(5)))
def test_what_rests_and_only_reduces_never_takes_the_position_through_flat(
    held: int, others: list[tuple[OrderSide, int]], side: OrderSide, size: int, order: list[int]
) -> None:
    """All on its side fill, nothing on the other: the worst that can happen."""
    working = [Order(str(n), s, q, price=100 + n) for n, (s, q) in enumerate(others)]
    one = Order("one", side, size)
    if reduces(held, one, *working):
        sign = 1 if side == BUY else -1
        total = sum(q for s, q in others if s == side) + size
        assert held * (held + sign * total) >= 0
        assert held * sign < 0


@given(st.lists(st.tuples(sizes, st.sampled_from([None, "p", "q"])), max_size=6))
def test_what_waits_for_an_entry_counts_only_beyond_it(children: list[tuple[int, Any]]) -> None:
    pairs = [
        (Order(str(n), SELL, size, parent=parent), Decimal(size))
        for n, (size, parent) in enumerate(children)
    ]
    found = fillable(pairs, {"p": Decimal(2)})
    waiting = sum(size for size, parent in children if parent == "p")
    rest = sum(size for size, parent in children if parent != "p")
    assert found == rest + max(waiting - 2, 0)
    assert found <= at_risk(pairs)
