"""The house looks at the account when prices have moved, whichever bars tell them."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from nautilus_trader.model import Bar, BarType, InstrumentId, Price, Quantity

from qe_plugins.engine.house import House

CONTRACT = InstrumentId.from_str("ESZ24.XCME")


class Account:
    """One contract held on 10,000 USD to spare: counts how often it is asked what it is worth."""

    overnight = True

    def __init__(self) -> None:
        self.looks = 0

    def net(self, contract: InstrumentId) -> Decimal:
        return Decimal(1)

    def most(self, contract: InstrumentId) -> Decimal:
        return Decimal(20_000)

    def about(self) -> float:
        self.looks += 1
        return 30_000.0


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def house(account: Account) -> House:
    contract = SimpleNamespace(underlying="ES", multiplier=Quantity.from_int(50))
    cache = SimpleNamespace(instrument=lambda _: contract, positions_open_count=lambda: 1)
    rules = SimpleNamespace(flat_at=lambda _: None)
    found = House(cache, account, rules, None, None, "close")  # type: ignore[arg-type]
    found.filled(None, SimpleNamespace(strategy_id="S-001", instrument_id=CONTRACT))
    return found


def bar(instrument: str, close: float) -> Bar:
    price = Price(close, 2)
    kind = BarType.from_str(f"{instrument}-1-MINUTE-LAST-EXTERNAL")
    return Bar(kind, price, price, price, price, Quantity.from_int(1), 1, 1)


@pytest.mark.parametrize("heard", ["ESZ24.XCME", "ES.XCME"])
def test_between_safe_prices_nothing_is_looked_up(
    house: House, account: Account, heard: str
) -> None:
    for close in (5_000.0, 5_099.75, 4_900.25, 5_000.0):
        house.check(bar(heard, close))
    assert account.looks == 1


@pytest.mark.parametrize("heard", ["ESZ24.XCME", "ES.XCME"])
def test_half_of_what_is_spare_lost_is_looked_at(
    house: House, account: Account, heard: str
) -> None:
    for close in (5_000.0, 4_900.0):
        house.check(bar(heard, close))
    assert account.looks == 2
