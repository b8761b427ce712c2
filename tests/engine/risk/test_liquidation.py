"""The house looks at the account when prices have moved, whichever bars tell them."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.model import Bar, BarType, InstrumentId, Price, Quantity

from qe_plugins.engine.risk.equity_bound import SLACK, EquityBound
from qe_plugins.engine.risk.liquidation import Liquidator
from qe_plugins.errors import RunError

CONTRACT = InstrumentId.from_str("ESZ24.XCME")


class Account:
    """One contract held on 10,000 USD to spare: counts how often it is asked what it is worth."""

    def __init__(self) -> None:
        self.looks = 0
        self.kept = EquityBound()

    def held(self) -> dict[InstrumentId, Decimal]:
        return {CONTRACT: Decimal(1)}

    def most(self, contract: InstrumentId) -> float:
        return 20_000.0

    def maintenance(self, ts: int) -> Decimal:
        return Decimal(20_000)

    def worth(self) -> Decimal:
        self.looks += 1
        return Decimal(30_000 + SLACK)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def house(account: Account) -> Liquidator:
    contract = SimpleNamespace(underlying="ES", multiplier=Quantity.from_int(50))
    held = [SimpleNamespace(quantity=Quantity.from_int(1), is_long=True)]
    cache = SimpleNamespace(instrument=lambda _: contract, positions_open=lambda **_: held)
    rules = SimpleNamespace(flat_at=lambda _: None)
    return Liquidator(cache, account, rules, None, "close", None)  # type: ignore[arg-type]


def heard_in(house: Liquidator, instrument: str) -> None:
    """Let the house hear an instrument's bars, then fill an order in the contract."""
    house.hears(InstrumentId.from_str(instrument))
    house.filled(None, fill(1, 5_000.0))  # nothing is known yet: the first bar brings a look


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


@pytest.mark.parametrize("heard", ["ESZ24.XCME", "ES.XCME"])
def test_between_safe_prices_nothing_is_looked_up(
    house: Liquidator, account: Account, heard: str
) -> None:
    heard_in(house, heard)
    for close in (5_000.0, 5_099.75, 4_900.25, 5_000.0):
        house.check(bar(heard, close))
    assert account.looks == 1


@pytest.mark.parametrize("heard", ["ESZ24.XCME", "ES.XCME"])
def test_half_of_what_is_spare_lost_is_looked_at(
    house: Liquidator, account: Account, heard: str
) -> None:
    heard_in(house, heard)
    for close in (5_000.0, 4_900.0):
        house.check(bar(heard, close))
    assert account.looks == 2


def test_a_fill_moves_the_safe_prices_and_needs_no_look(
    house: Liquidator, account: Account
) -> None:
    heard_in(house, "ESZ24.XCME")
    house.check(bar("ESZ24.XCME", 5_000.0))
    house.filled(None, fill(-2, 5_100.0))
    for close in (5_100.0, 5_149.75, 5_247.0):
        house.check(bar("ESZ24.XCME", close))
    assert account.looks == 1


@pytest.mark.parametrize("heard", ["NQZ24.XCME", "NQ.XCME"])
def test_bars_of_something_else_leave_nothing_safe(
    house: Liquidator, account: Account, heard: str
) -> None:
    heard_in(house, heard)
    for close in (5_000.0, 5_000.0, 5_000.0):
        house.check(bar(heard, close))
    assert account.looks == 3


def test_bars_that_are_heard_no_more_leave_nothing_safe(
    house: Liquidator, account: Account
) -> None:
    heard_in(house, "ESZ24.XCME")
    house.check(bar("ESZ24.XCME", 5_000.0))
    house.hears(CONTRACT, still=False)
    house.check(bar("NQZ24.XCME", 5_000.0))
    assert account.looks == 2


def test_while_a_contract_is_held_every_bar_is_watched(house: Liquidator, account: Account) -> None:
    heard_in(house, "ESZ24.XCME")
    house.check(bar("ESZ24.XCME", 5_000.0))
    assert house.watching
    house.filled(None, fill(-1, 5_000.0))
    assert not house.watching


def test_a_strategy_that_holds_something_else_than_its_fills_come_to_stops_the_run(
    house: Liquidator,
) -> None:
    heard_in(house, "ESZ24.XCME")
    house.filled(None, fill(2, 5_000.0))
    with pytest.raises(RunError, match=r"S-1 holds 1 ESZ24.XCME, its fills come to 3\."):
        house.verify()
