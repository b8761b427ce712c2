"""What plugins are told of the account's worth is the engine's own figure, or surely below it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Currency, Money

from qe_plugins.engine.equity import Account

USD, EUR = Currency.from_str("USD"), Currency.from_str("EUR")


def account(*amounts: str, missing: tuple[str, ...] = (), sure: float = 0.0) -> Account:
    """Return an account of some amounts, of which the house is sure that it is worth `sure`."""
    money = [Money.from_str(amount) for amount in amounts]
    portfolio = SimpleNamespace(
        missing_price_instruments=lambda venue: list(missing),
        equity=lambda venue: {one.currency: one for one in money},
    )
    house: Any = SimpleNamespace(is_surely_worth=lambda amount, handling: sure >= amount)
    return Account(portfolio, "XCME", house, SimpleNamespace(handling=None))  # type: ignore[arg-type]


def test_the_worth_is_the_engines_to_the_cent() -> None:
    assert account("99750.25 USD").worth() == Decimal("99750.25")


@given(st.decimals(0, 200_000, places=2), st.floats(0, 99_000))
def test_it_is_worth_an_amount_where_the_engine_says_so_however_sure_the_house(
    amount: Decimal, sure: float
) -> None:
    assert account("99000.00 USD", sure=sure).is_worth(amount) == (amount <= 99_000)


def test_a_position_without_a_price_is_an_error_that_names_it() -> None:
    with pytest.raises(LookupError, match=r"no price for MESH24\.XCME"):
        account("1.00 USD", missing=("MESH24.XCME",)).is_worth(Decimal(1))


def test_an_account_in_two_currencies_has_no_one_worth() -> None:
    with pytest.raises(LookupError, match="one currency is needed, was 2"):
        account("1.00 USD", "1.00 EUR").worth()
