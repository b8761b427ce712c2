"""The account and the bars that plugins look at, as a test wants them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from qe_plugins.bars import Bars, columns_of

if TYPE_CHECKING:
    from nautilus_trader.model import Bar


class TestAccount:
    """An account that is worth what a test says. `missing` is what its worth cannot be told for."""

    def __init__(self, worth: float | str | Decimal, missing: str = "") -> None:
        self.amount, self.missing = Decimal(str(worth)).quantize(Decimal("0.01")), missing

    def worth(self) -> Decimal:
        """Return what the account is worth."""
        if self.missing:
            raise LookupError(f"no price for {self.missing}")
        return self.amount

    def is_worth(self, amount: Decimal) -> bool:
        """Say whether the account is worth `amount` or more."""
        return self.worth() >= amount


class TestHistory:
    """Bars that have closed, oldest first."""

    def __init__(self, bars: tuple[Bar, ...]) -> None:
        self.bars = bars

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type."""
        known = [bar for bar in self.bars if str(bar.bar_type) == bar_type]
        return columns_of(bar_type, known[len(known) - min(count, len(known)) :])


@pytest.fixture
def qe_account() -> Callable[..., TestAccount]:
    """Return a function that makes an account: `qe_account(100_000)`."""
    return TestAccount


@pytest.fixture
def qe_history() -> Callable[..., TestHistory]:
    """Return a function that makes the past of bars, oldest first: `qe_history(*bars)`."""
    return lambda *bars: TestHistory(bars)
