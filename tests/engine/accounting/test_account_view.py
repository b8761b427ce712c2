"""Strategies and plugins see one account, with margins in dollars a contract."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model import AccountId, Currency, OrderSide, Venue

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import ConfigError
from tests.engine.traders import MES, Trader

USD, CME = Currency.from_str("USD"), Venue("XCME")
SEEN: list[dict[str, Any]] = []


class Looks(Trader):
    """Buys one contract at market, bids for a second one far below, and reads the account."""

    def bar_1(self) -> None:
        SEEN.clear()
        self.submit_order(self.market(OrderSide.BUY))

    def bar_2(self) -> None:
        self.submit_order(self.limit(OrderSide.BUY, "4000.00"))

    def bar_3(self) -> None:
        account = self.portfolio.account(CME)
        SEEN.append(
            {
                "total": account.balance_total(USD).as_decimal(),
                "locked": account.balance_locked(USD).as_decimal(),
                "free": account.balance_free(USD).as_decimal(),
                "equity": self.portfolio.equity(CME)[USD].as_decimal(),
                "began": account.starting_balances()[USD].as_decimal(),
                "same": self.cache.account_for_venue(CME).id == account.id,
                "margins": [
                    self.portfolio.instrument_initial_margins(CME),
                    self.portfolio.instrument_maintenance_margins(CME),
                ],
                "held": len(self.cache.positions_open(account_id=AccountId("XCME-001"))),
                "others": len(self.cache.positions_open(None, None, None, AccountId("IB-1"))),
                "elsewhere": self.cache.account_for_venue(Venue("XNYM")),
                "of the engine": [
                    self.portfolio.unrealized_pnls()[USD].as_decimal(),
                    self.portfolio.realized_pnls(account_id=account.id)[USD].as_decimal(),
                    self.portfolio.net_exposures()[USD].as_decimal(),
                    self.portfolio.net_exposures(CME)[USD].as_decimal(),
                    self.portfolio.net_position(MES, account_id=account.id),
                ],
            }
        )


def test_the_account_is_that_of_a_futures_broker(trade: Callable[..., BacktestResult]) -> None:
    trade("Looks", closes=(4_750.0, 4_750.0, 4_755.0, 4_755.0), strategies=path(), slippage=FREE)
    [seen] = SEEN
    fee = Decimal("0.57")
    assert seen["began"] == 100_000
    assert seen["total"] == 100_000 - fee
    assert seen["locked"] == 4_000
    assert seen["free"] == seen["total"] - 4_000
    assert seen["equity"] == 100_000 - fee + 25
    assert [money.as_decimal() for m in seen["margins"] for money in m.values()] == [4_000, 1_800]
    assert seen["of the engine"] == [25, -fee, 4_755 * 5, 4_755 * 5, 1]
    assert (seen["same"], seen["held"], seen["others"], seen["elsewhere"]) == (True, 1, 0, None)


FREE = {"model": "none"}


def path() -> dict[str, Any]:
    return {"looks": {"path": "tests.engine.accounting.test_account_view:Looks"}}


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"account_type": "CASH"}, "account_type must be MARGIN, was CASH"),
        ({"frozen_account": True}, "frozen_account must be false, was true"),
        ({"liquidation_enabled": True}, "liquidation_enabled must be false, was true"),
    ],
)
def test_an_account_type_that_does_not_suit_futures_is_an_error(
    settings: Callable[..., Loaded], setting: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        run(settings("BuysAtMarket", nautilus={"venue": setting}))
