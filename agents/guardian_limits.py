"""Limits of the account: position size, daily loss, order rate, a stop, and time to the break.

Every limit is checked, and the veto names all that an order breaks. Missing information raises an
exception, which the gate takes for a veto. Orders that only reduce a position are not checked.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from qe_plugins import (
    Account,
    Duration,
    Money,
    OrderRequest,
    Plugin,
    PluginConfig,
    Posture,
    Role,
    Veto,
    hookimpl,
)
from qe_plugins.market.sessions import trading_window

if TYPE_CHECKING:
    from nautilus_trader.model import FuturesContract

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
CENT, NOTHING = Decimal("0.01"), Decimal(0)
NEVER = (0, 0)


class GuardianLimitsConfig(PluginConfig, frozen=True):
    """`max_contracts` limits the position if every working order filled.

    `daily_loss` is the largest loss of equity since the session began at 17:00 in Chicago, open P&L
    and commissions included. `before_break` is how long before a halt or the close entries end, on
    half days too.
    """

    max_contracts: Annotated[int, msgspec.Meta(ge=1)] = 1
    daily_loss: Money = Decimal(250)
    orders_a_minute: Annotated[int, msgspec.Meta(ge=1)] = 10
    stop_required: bool = True
    before_break: Annotated[Duration, msgspec.Meta(ge=0)] = 900.0


class GuardianLimits(Plugin):
    """Vetoes an order that breaks a limit, naming every limit that it breaks."""

    role = Role.GUARDIAN
    Config = GuardianLimitsConfig
    config: GuardianLimitsConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.passed: deque[int] = deque(maxlen=self.config.orders_a_minute)
        self.entries: dict[str, tuple[int, int]] = {}
        self.opening: Decimal | None = None
        self.least = NOTHING

    @hookimpl
    def session_opened(self, account: Account) -> None:
        """Store the equity from which the session's loss is measured."""
        self.opening = None
        self.opening = account.equity()
        self.least = self.opening - self.config.daily_loss + CENT

    @hookimpl
    def veto_order(
        self,
        order: OrderRequest,
        instrument: FuturesContract,
        account: Account,
        posture: Posture | None,
    ) -> Veto | None:
        """Check every limit; count the orders that pass."""
        broken, ts, passed = [], order.ts, self.passed
        most = self.config.max_contracts if posture is None else self.allowed(posture)
        if order.worst_case_position > most:
            broken.append(f"would hold {order.worst_case_position} contracts, the limit is {most}")
        if len(passed) == passed.maxlen and passed[0] > ts - MINUTE:
            broken.append(f"{len(passed)} orders within a minute, the limit is reached")
        if order.stop_trigger is None and self.config.stop_required:
            broken.append("no stop comes with the order")
        since, until = self.entries.get(order.instrument_id, NEVER)
        if not since <= ts < until and (reason := self.near_the_break(order, instrument)):
            broken.append(reason)
        if self.opening is None:
            raise LookupError("no session has opened, so its loss is unknown")
        limit, least = self.config.daily_loss, self.least
        if posture is not None and posture.max_loss is not None and posture.max_loss < limit:
            limit, least = posture.max_loss, self.opening - posture.max_loss + CENT
        if not account.equity_at_least(least):
            broken.append(self.lost(self.opening - account.equity(), limit))
        if broken:
            return Veto("; ".join(broken))
        passed.append(ts)
        return None

    def allowed(self, posture: Posture) -> int:
        """Return the contract limit: a posture may lower it."""
        most = self.config.max_contracts
        return most if posture.max_contracts is None else min(most, posture.max_contracts)

    def near_the_break(self, order: OrderRequest, instrument: FuturesContract) -> str | None:
        """Return a reason from `before_break` ahead of a halt or close until the next open."""
        root, ts, before = instrument.underlying, order.ts, self.config.before_break
        if (known := trading_window(root, ts)) is None:
            raise LookupError(f"the hours of {root} are not in configs/markets.yaml")
        opens, stops = known
        left = (stops - ts) // SECOND if ts >= opens else 0
        if left > before:
            self.entries[order.instrument_id] = opens, stops - (math.floor(before) + 1) * SECOND
            return None
        return f"{left // 60} min to the maintenance break" if left > 0 else "maintenance break"

    def lost(self, loss: Decimal, limit: Decimal) -> str:
        """Return the session's loss and its limit as text."""
        return f"lost {loss:f} this session, the limit is {limit:f}"
