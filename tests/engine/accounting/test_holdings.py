"""What is held is what the cache has, whichever fills were received."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Quantity

from qe_plugins.engine.accounting.holdings import Holdings
from qe_plugins.errors import RunError


def position(strategy: str, contract: str, net: int) -> Any:
    return SimpleNamespace(
        strategy_id=strategy,
        instrument_id=contract,
        quantity=Quantity.from_int(abs(net)),
        is_long=net > 0,
        avg_px_open=4750.25,
    )


def working(strategy: str, contract: str) -> Any:
    return SimpleNamespace(strategy_id=strategy, instrument_id=contract)


def fill(strategy: str, contract: str) -> Any:
    return SimpleNamespace(strategy_id=strategy, instrument_id=contract)


class Cache:
    """As much of a cache as holdings are read from."""

    def __init__(self, *positions: Any, orders: tuple[Any, ...] = ()) -> None:
        self.positions, self.orders = list(positions), list(orders)

    def positions_open(self) -> list[Any]:
        return self.positions

    def orders_open(self) -> list[Any]:
        return self.orders

    def orders_inflight(self) -> list[Any]:
        return []


def session(cache: Cache, *hosted: str) -> Holdings:
    return Holdings(cache, lambda: hosted, in_session=True)


def test_a_position_no_fill_was_received_of_is_held() -> None:
    holdings = session(Cache(position("A", "MES", -2)), "A")
    assert holdings.net("A", "MES") == -2
    assert holdings.by_contract() == {"MES": -2}
    assert holdings.positions()[0].entry == Decimal("4750.25")


def test_a_manual_trade_counts_as_the_only_strategys() -> None:
    holdings = session(Cache(position("A", "MES", 1), position("EXTERNAL", "MES", -1)), "A")
    assert holdings.net("A", "MES") == 0


def test_a_manual_trade_counts_as_that_of_the_strategy_which_trades_the_contract() -> None:
    cache = Cache(position("EXTERNAL", "MES", 1), orders=(working("B", "MES"),))
    holdings = session(cache, "A", "B")
    assert (holdings.net("A", "MES"), holdings.net("B", "MES")) == (0, 1)


def test_a_manual_trade_that_two_strategies_could_own_counts_as_neithers() -> None:
    cache = Cache(position("EXTERNAL", "MES", 1), position("A", "MES", 1), position("B", "MES", 1))
    holdings = session(cache, "A", "B")
    assert (holdings.net("A", "MES"), holdings.net("B", "MES")) == (1, 1)
    assert holdings.by_contract() == {"MES": 3}


def test_a_backtest_counts_every_position_as_its_own_strategys() -> None:
    holdings = Holdings(Cache(position("A", "MES", 1), position("B", "MES", 2)), lambda: ["A"])
    assert (holdings.net("A", "MES"), holdings.net("B", "MES")) == (1, 2)


def test_the_sum_of_fills_is_checked_against_the_cache() -> None:
    cache = Cache(position("A", "MES", 1))
    holdings = Holdings(cache)
    holdings.add_fill(None, fill("A", "MES"), 1.0)
    holdings.verify()
    holdings.add_fill(None, fill("A", "MES"), 1.0)
    with pytest.raises(RunError, match="A holds 1 MES, its fills come to 2"):
        holdings.verify()


nets = st.integers(-3, 3).filter(bool)
books = st.lists(
    st.tuples(st.sampled_from("ABX"), st.sampled_from(["MES", "ES"]), nets), max_size=8
)


@given(books)
def test_what_strategies_hold_and_what_counts_as_neithers_is_the_book(
    book: list[tuple[str, str, int]],
) -> None:
    holdings = session(Cache(*(position(*one) for one in book)), "A", "B")
    for contract in ("MES", "ES"):
        total = sum(net for _, traded, net in book if traded == contract)
        by_owner = [holdings.net(name, contract) for name in "ABX"]
        assert sum(by_owner) == total == holdings.by_contract().get(contract, 0)


@given(books)
def test_a_recount_is_the_book_whatever_was_counted_before(
    book: list[tuple[str, str, int]],
) -> None:
    cache = Cache(*(position(*one) for one in book))
    holdings = session(cache, "A", "B")
    traders = [SimpleNamespace(strategy_id=name) for name in "AB"]
    holdings.add_fill(traders[0], fill("A", "MES"), 5.0)
    holdings.recount(traders)
    for name in "AB":
        for contract in ("MES", "ES"):
            count = holdings.counts.get(contract, {}).get(name)
            assert (count.net if count else 0) == holdings.net(name, contract)
