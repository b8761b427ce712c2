"""The limits of the account: size, daily loss, pace, a stop, and hands off before the break.

Every rule is asked; the veto names all that refuse. What a rule needs and cannot find is an
exception, which the gate takes for a veto. Orders that only reduce never come here.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec

from qe_plugins import (
    Duration,
    Money,
    OrderRequest,
    Plugin,
    PluginConfig,
    Role,
    Veto,
    hookimpl,
)

if TYPE_CHECKING:
    from nautilus_trader.model import FuturesContract
    from nautilus_trader.portfolio import Portfolio

CHICAGO = ZoneInfo("America/Chicago")
SESSION_OPENS = 17
BREAK = timedelta(hours=1)
"""CME halts at 16:00 in Chicago, an hour before the next session opens."""

SECOND = 1_000_000_000


class GuardianLimitsConfig(PluginConfig, frozen=True):
    """`max_contracts` counts what would be held if every working order filled.

    `daily_loss` is measured from the balance at 17:00 Chicago, commissions and open loss included,
    open profit not. `before_break` is how long before 16:00 Chicago entries end.
    """

    max_contracts: Annotated[int, msgspec.Meta(ge=1)] = 1
    daily_loss: Money = Decimal(250)
    orders_a_minute: Annotated[int, msgspec.Meta(ge=1)] = 10
    stop_required: bool = True
    before_break: Annotated[Duration, msgspec.Meta(ge=0)] = 900.0


class GuardianLimits(Plugin):
    """Refuse an order that breaks a limit, naming every limit that it breaks."""

    role = Role.GUARDIAN
    Config = GuardianLimitsConfig
    config: GuardianLimitsConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.passed: deque[int] = deque()
        self.opened, self.balance = 0, Decimal(0)

    @hookimpl
    def veto_order(
        self, order: OrderRequest, instrument: FuturesContract, portfolio: Portfolio
    ) -> Veto | None:
        """Ask every rule; count the orders that pass."""
        now = datetime.fromtimestamp(order.ts // SECOND, CHICAGO)
        broken = [
            self.too_many(order),
            self.too_fast(order),
            self.unprotected(order),
            self.near_the_break(now),
            self.lost_enough(now, instrument, portfolio),
        ]
        if reasons := [reason for reason in broken if reason]:
            return Veto("; ".join(reasons))
        self.passed.append(order.ts)
        return None

    def too_many(self, order: OrderRequest) -> str | None:
        """Count contracts as if everything working filled."""
        if order.working <= self.config.max_contracts:
            return None
        return f"would hold {order.working} contracts, the limit is {self.config.max_contracts}"

    def too_fast(self, order: OrderRequest) -> str | None:
        """Count the orders of the last sixty seconds."""
        while self.passed and self.passed[0] <= order.ts - 60 * SECOND:
            self.passed.popleft()
        if len(self.passed) < self.config.orders_a_minute:
            return None
        return f"{len(self.passed)} orders within a minute, the limit is reached"

    def unprotected(self, order: OrderRequest) -> str | None:
        """Ask for a protective stop with everything that adds risk."""
        if self.config.stop_required and order.stop is None:
            return "no stop comes with the order"
        return None

    def near_the_break(self, now: datetime) -> str | None:
        """Refuse from `before_break` ahead of 16:00 until the session opens at 17:00."""
        left = session_end(now) - BREAK - now
        if left > timedelta(seconds=self.config.before_break):
            return None
        if left <= timedelta(0):
            return "in the maintenance break"
        return f"{left.seconds // 60} min to the maintenance break"

    def lost_enough(
        self, now: datetime, instrument: FuturesContract, portfolio: Portfolio
    ) -> str | None:
        """Compare the session's loss, open loss included, with the limit."""
        currency = instrument.quote_currency
        account = portfolio.account(venue=instrument.id.venue)
        if account is None:
            raise LookupError(f"no account at {instrument.id.venue}")
        self.begin_session(now, account, currency)
        loss = self.balance - account.balance_total(currency).as_decimal()
        loss += open_loss(portfolio, instrument.id.venue, currency)
        if loss < self.config.daily_loss:
            return None
        limit = f"{self.config.daily_loss:f} {currency.code}"
        return f"lost {loss:f} {currency.code} this session, the limit is {limit}"

    def begin_session(self, now: datetime, account: Any, currency: Any) -> None:
        """Note the balance at 17:00 when a session's first order is asked about."""
        opened = int((session_end(now) - timedelta(days=1)).timestamp()) * SECOND
        if opened != self.opened:
            self.opened, self.balance = opened, balance_before(opened, account, currency)


def session_end(now: datetime) -> datetime:
    """Return the next 17:00 on the wall clock of `now`."""
    end = now.replace(hour=SESSION_OPENS, minute=0, second=0, microsecond=0)
    return end if now < end else end + timedelta(days=1)


def balance_before(moment: int, account: Any, currency: Any) -> Decimal:
    """Return the balance as it last stood before `moment` (UTC ns), else the first one known."""
    balance = account.starting_balances()[currency]
    for state in reversed(account.events):
        if state.ts_event < moment:
            [balance] = [b.total for b in state.balances if b.currency == currency]
            break
    amount: Decimal = balance.as_decimal()
    return amount


def open_loss(portfolio: Any, venue: Any, currency: Any) -> Decimal:
    """Return what open positions are under water, zero or more. Raises where one has no price."""
    if missing := portfolio.missing_price_instruments(venue):
        raise LookupError(f"no price for {', '.join(map(str, missing))}")
    profit = portfolio.unrealized_pnls(venue=venue).get(currency)
    return max(Decimal(0), -profit.as_decimal()) if profit else Decimal(0)
