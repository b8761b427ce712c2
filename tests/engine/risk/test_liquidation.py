"""The liquidator queries the equity when prices have moved, whichever bars price the contract."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.model import Bar, BarType, InstrumentId, Price, Quantity

from qe_plugins.engine.accounting.holdings import Holdings
from qe_plugins.engine.risk.equity_bound import SLACK, EquityBound
from qe_plugins.engine.risk.liquidation import Liquidator

CONTRACT = InstrumentId.from_str("ESZ24.XCME")


class Account:
    """One contract and 10,000 USD of excess margin: counts how often the equity is queried."""

    def __init__(self) -> None:
        self.queries = 0
        self.equity_bound = EquityBound()

    def net_positions(self) -> dict[InstrumentId, Decimal]:
        return {CONTRACT: Decimal(1)}

    def largest_maintenance(self, contract: InstrumentId) -> float:
        return 20_000.0

    def maintenance(self, ts: int, nets: Mapping[InstrumentId, Decimal]) -> Decimal:
        return Decimal(20_000)

    def equity(self) -> Decimal:
        self.queries += 1
        return Decimal(30_000 + SLACK)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def liquidator(account: Account) -> Liquidator:
    contract = SimpleNamespace(underlying="ES", multiplier=Quantity.from_int(50))
    held = [
        SimpleNamespace(
            quantity=Quantity.from_int(1),
            is_long=True,
            strategy_id="S-1",
            instrument_id=CONTRACT,
        )
    ]
    cache = SimpleNamespace(instrument=lambda _: contract, positions_open=lambda **_: held)
    rules = SimpleNamespace(flat_at=lambda _: None)
    return Liquidator(cache, Holdings(cache), account, rules, None, "close", None)  # type: ignore[arg-type]


def track(liquidator: Liquidator, instrument: str) -> None:
    """Track an instrument's bars, then fill an order in the contract."""
    liquidator.track(InstrumentId.from_str(instrument))
    liquidator.on_fill(None, fill(1, 5_000.0))  # the bound is unknown: the first bar queries


def fill(size: int, price: float) -> Any:
    return SimpleNamespace(
        instrument_id=CONTRACT,
        strategy_id="S-1",
        last_qty=Quantity.from_int(abs(size)),
        last_px=Price(price, 2),
        is_buy=size > 0,
        commission=None,
    )


def bar(instrument: str, close: float) -> Bar:
    price = Price(close, 2)
    kind = BarType.from_str(f"{instrument}-1-MINUTE-LAST-EXTERNAL")
    return Bar(kind, price, price, price, price, Quantity.from_int(1), 1, 1)


@pytest.mark.parametrize("tracked", ["ESZ24.XCME", "ES.XCME"])
def test_between_safe_prices_the_equity_is_not_queried(
    liquidator: Liquidator, account: Account, tracked: str
) -> None:
    track(liquidator, tracked)
    for close in (5_000.0, 5_099.75, 4_900.25, 5_000.0):
        liquidator.on_bar(bar(tracked, close))
    assert account.queries == 1


@pytest.mark.parametrize("tracked", ["ESZ24.XCME", "ES.XCME"])
def test_the_equity_is_queried_when_half_of_the_excess_is_lost(
    liquidator: Liquidator, account: Account, tracked: str
) -> None:
    track(liquidator, tracked)
    for close in (5_000.0, 4_900.0):
        liquidator.on_bar(bar(tracked, close))
    assert account.queries == 2


def test_a_fill_moves_the_safe_prices_without_a_query(
    liquidator: Liquidator, account: Account
) -> None:
    track(liquidator, "ESZ24.XCME")
    liquidator.on_bar(bar("ESZ24.XCME", 5_000.0))
    liquidator.on_fill(None, fill(-2, 5_100.0))
    for close in (5_100.0, 5_149.75, 5_247.0):
        liquidator.on_bar(bar("ESZ24.XCME", close))
    assert account.queries == 1


@pytest.mark.parametrize("tracked", ["NQZ24.XCME", "NQ.XCME"])
def test_bars_of_other_contracts_leave_no_safe_prices(
    liquidator: Liquidator, account: Account, tracked: str
) -> None:
    track(liquidator, tracked)
    for close in (5_000.0, 5_000.0, 5_000.0):
        liquidator.on_bar(bar(tracked, close))
    assert account.queries == 3


def test_bars_that_are_no_longer_tracked_leave_no_safe_prices(
    liquidator: Liquidator, account: Account
) -> None:
    track(liquidator, "ESZ24.XCME")
    liquidator.on_bar(bar("ESZ24.XCME", 5_000.0))
    liquidator.untrack(CONTRACT)
    liquidator.on_bar(bar("NQZ24.XCME", 5_000.0))
    assert account.queries == 2


def test_it_is_active_only_while_there_is_a_position(
    liquidator: Liquidator, account: Account
) -> None:
    track(liquidator, "ESZ24.XCME")
    liquidator.on_bar(bar("ESZ24.XCME", 5_000.0))
    assert liquidator.active
    liquidator.on_fill(None, fill(-1, 5_000.0))
    assert not liquidator.active
