"""The equity that plugins read is exact to the cent."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.accounting.plugin_account import Account


def account(amount: str, *, missing: tuple[str, ...] = ()) -> Account:
    """Return an account of an amount, with positions that have no price."""
    balance: Any = SimpleNamespace(unpriced=lambda: list(missing), equity=lambda: Decimal(amount))
    return Account(balance)


def test_half_a_cent_is_rounded_to_the_even_one() -> None:
    assert account("99750.125").equity() == Decimal("99750.12")
    assert account("99750.135").equity() == Decimal("99750.14")


@given(st.decimals(0, 200_000, places=2))
def test_equity_is_at_least_an_amount_where_the_balance_is(amount: Decimal) -> None:
    assert account("99000.00").equity_at_least(amount) == (amount <= 99_000)


def test_a_position_without_a_price_is_an_error_that_names_it() -> None:
    with pytest.raises(LookupError, match=r"no price for MESH24\.XCME"):
        account("1.00", missing=("MESH24.XCME",)).equity_at_least(Decimal(1))
