"""A broker's balance is the equity while it is fresh; then it is unknown, and the worse counts."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import AccountId, Currency, Money

from qe_plugins.engine.accounting.account_equity import OLDEST, BrokerEquity

ACCOUNT = AccountId("IB-DU1")
USD = Currency.from_str("USD")
SECOND = 1_000_000_000


class Broker:
    """An account that reports balances, our own fills' equity beside it, and a clock."""

    def __init__(self, own: Decimal = Decimal(100_000)) -> None:
        self.now, self.own, self.reported = 0, own, None
        fills: Any = SimpleNamespace(
            currency=USD, starting=own, equity=lambda: self.own, unpriced=lambda: ["MES"]
        )
        self.equity = BrokerEquity(self, ACCOUNT, fills, lambda: self.now)

    def account(self, account_id: AccountId) -> Any:
        assert account_id == ACCOUNT  # never by venue
        return self.reported

    def report(self, amount: Decimal) -> None:
        self.reported = SimpleNamespace(
            last_event=SimpleNamespace(ts_event=self.now),
            balance_total=lambda _: Money.from_decimal(amount, USD),
        )
        self.equity.refresh()


cents = st.integers(-10_000_000, 10_000_000).map(lambda n: Decimal(n) / 100)
ages = st.integers(0, 3 * OLDEST)


def test_without_a_report_the_equity_is_unknown() -> None:
    broker = Broker()
    assert broker.equity.unknown() == "IB-DU1 has reported no balance yet"
    assert broker.equity.unpriced() == [ACCOUNT]


def test_a_report_is_unknown_after_five_minutes() -> None:
    broker = Broker()
    broker.now = 1
    broker.report(Decimal(50_000))
    broker.now += OLDEST
    assert broker.equity.unknown() == ""
    broker.now += SECOND
    assert broker.equity.unknown() == "the balance of IB-DU1 is 301 s old"
    assert broker.equity.unpriced() == ["MES"]


@given(cents, cents, ages)
def test_a_fresh_balance_is_the_equity_whatever_is_open(
    balance: Decimal, moved: Decimal, age: int
) -> None:
    broker = Broker()
    broker.now = SECOND
    broker.report(balance)
    broker.own += moved
    broker.now += age
    known = not broker.equity.unknown()
    assert known == (age <= OLDEST)
    expected = balance if known else min(balance, balance + moved)
    assert broker.equity.equity() == broker.equity.total() == expected


@given(st.lists(st.tuples(cents, cents, ages), min_size=1, max_size=6))
def test_an_unknown_equity_is_never_above_the_last_report(
    steps: list[tuple[Decimal, Decimal, int]],
) -> None:
    broker = Broker()
    broker.now = SECOND
    for balance, moved, age in steps:
        broker.report(balance)
        broker.own += moved
        broker.now += age + 1
        assert broker.equity.equity() <= balance
        assert broker.equity.age == age + 1
