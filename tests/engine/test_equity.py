"""What plugins are told of the account's worth is the engine's own figure."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Currency, Money

from qe_plugins.engine.equity import Account

USD, EUR = Currency.from_str("USD"), Currency.from_str("EUR")


def account(*amounts: str, missing: tuple[str, ...] = ()) -> Account:
    """Return an account of some amounts, with positions that have no price."""
    money = [Money.from_str(amount) for amount in amounts]
    portfolio = SimpleNamespace(
        missing_price_instruments=lambda venue: list(missing),
        equity=lambda venue: {one.currency: one for one in money},
    )
    return Account(portfolio, "XCME")


def test_the_worth_is_the_engines_to_the_cent() -> None:
    assert account("99750.25 USD").worth() == Decimal("99750.25")


@given(st.decimals(0, 200_000, places=2))
def test_it_is_worth_an_amount_where_the_engine_says_so(amount: Decimal) -> None:
    assert account("99000.00 USD").is_worth(amount) == (amount <= 99_000)


def test_a_position_without_a_price_is_an_error_that_names_it() -> None:
    with pytest.raises(LookupError, match=r"no price for MESH24\.XCME"):
        account("1.00 USD", missing=("MESH24.XCME",)).is_worth(Decimal(1))


def test_an_account_in_two_currencies_has_no_one_worth() -> None:
    with pytest.raises(LookupError, match="one currency is needed, was 2"):
        account("1.00 USD", "1.00 EUR").worth()
