"""The balance of the single account is exact after every fill, for every tick value."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.accounting.holdings import Balance, RealisedPnl
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, build_trade
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.market.specs import markets

TICKS = {root: (one.tick, one.multiplier) for root, one in markets().roots.items()}
ROOTS = sorted(TICKS)


@st.composite
def fills_of_all_roots(draw: st.DrawFn) -> list[Fill]:
    """Draw fills in contracts of all roots, of two strategies, on each root's own ticks."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(ROOTS),
                st.sampled_from(["one", "two"]),
                st.integers(-7, 7).filter(bool),
                st.integers(-400, 8_000),
                st.integers(0, 400),
            ),
            max_size=40,
        )
    )
    return [
        Fill(
            ts=n,
            trade_id=f"T{n}",
            client_order_id=f"O{n}",
            instrument_id=root,
            strategy=strategy,
            quantity=Decimal(size),
            price=ticks * TICKS[root][0],
            commission=Decimal(cents) / 100,
            currency="USD",
        )
        for n, (root, strategy, size, ticks, cents) in enumerate(drawn)
    ]


def flattened(fills: list[Fill]) -> list[Fill]:
    """Return fills and, after them, those that close what they leave open."""
    net: dict[tuple[str, str], Decimal] = {}
    for fill in fills:
        key = (fill.instrument_id, fill.strategy)
        net[key] = net.get(key, Decimal(0)) + fill.quantity
    closing = [
        Fill(
            ts=len(fills),
            trade_id=f"C{root}{strategy}",
            client_order_id=f"C{root}{strategy}",
            instrument_id=root,
            strategy=strategy,
            quantity=-held,
            price=37 * TICKS[root][0],
            commission=Decimal("2.47"),
            currency="USD",
        )
        for (root, strategy), held in net.items()
        if held
    ]
    return [*fills, *closing]


def balance() -> Balance:
    """Return the balance of an account of 100,000 USD that has not traded."""
    cache = SimpleNamespace(
        instrument=lambda root: SimpleNamespace(multiplier=engines(TICKS[root][1]))
    )
    return Balance(cache, None, "USD", Decimal(100_000))


def engines(number: Decimal) -> Any:
    return SimpleNamespace(as_decimal=lambda: number)


def event(fill: Fill) -> Any:
    return SimpleNamespace(
        strategy_id=fill.strategy,
        instrument_id=fill.instrument_id,
        is_buy=fill.quantity > 0,
        last_qty=engines(abs(fill.quantity)),
        last_px=engines(fill.price),
        commission=engines(fill.commission),
    )


@given(fills_of_all_roots())
def test_the_sum_of_trades_is_what_the_account_made_to_the_cent_in_all_roots(
    fills: list[Fill],
) -> None:
    account, books, earned = balance(), {}, Decimal(0)
    for fill in flattened(fills):
        account.on_fill(event(fill))
        key = (fill.instrument_id, fill.strategy)
        book = books.setdefault(key, OpenTrade(TICKS[fill.instrument_id][1]))
        if closed := book.apply(fill):
            earned += build_trade(closed, book.closed, book.multiplier, None, ()).pnl
    assert not account.open_contracts()
    assert abs(account.total() - account.starting - earned) < Decimal("1e-9")


@given(fills_of_all_roots())
def test_a_flat_account_has_exactly_what_its_fills_come_to(fills: list[Fill]) -> None:
    account = balance()
    every = flattened(fills)
    for fill in every:
        account.on_fill(event(fill))
    moved = (-f.quantity * f.price * TICKS[f.instrument_id][1] - f.commission for f in every)
    assert account.total() == account.starting + sum(moved, Decimal(0))


def test_four_hundred_half_cents_do_not_drift() -> None:
    zn = RealisedPnl()
    for _ in range(400):
        for size, price in ((1, "110"), (-1, "110.015625")):
            zn.add_fill(("s", "ZN"), Decimal(1_000), Decimal(size), Decimal(price), Decimal(0))
    assert zn.realised() == Decimal("6250.00")


@pytest.mark.parametrize(
    ("sizes", "prices", "realised"),
    [
        ([2, -1], [100, 103], 15),  # half of it closed at three points more
        ([2, -3], [100, 103], 30),  # through flat: the third opens at 103
        ([-1, -1, 1], [100, 90, 91], 20),  # sold at 95 on average
        ([1, -1, 1], [0, -2, 5], -10),  # at and below zero
    ],
)
def test_what_is_realised_is_what_closed_contracts_earned(
    sizes: list[int], prices: list[int], realised: int
) -> None:
    pnl = RealisedPnl()
    for size, price in zip(sizes, prices, strict=True):
        pnl.add_fill(("s", "MES"), Decimal(5), Decimal(size), Decimal(price), Decimal(0))
    assert pnl.realised() == realised


def test_the_frame_of_the_account_ends_at_its_balance(trade: Callable[..., BacktestResult]) -> None:
    outcome = trade("BuysThenSells", closes=(4_750.0, 4_751.0, 4_755.25, 4_755.25))
    assert outcome.account["balance"][0] == float(outcome.starting_balance)
    assert outcome.account["balance"][-1] == float(outcome.final_balance)
    earned = outcome.positions["pnl"].sum()
    assert float(outcome.final_balance - outcome.starting_balance) == pytest.approx(earned)
