"""The limits of the account: size, daily loss, pace, a stop, and hands off before the break.

Every rule is asked; the veto names all that refuse. What a rule needs and cannot find is an
exception, which the gate takes for a veto. Orders that only reduce never come here.
"""

from __future__ import annotations

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
from qe_plugins.market.hours import stretch

if TYPE_CHECKING:
    from nautilus_trader.model import FuturesContract

SECOND = 1_000_000_000
CENT = Decimal("0.01")
NEVER = (0, 0)


class GuardianLimitsConfig(PluginConfig, frozen=True):
    """`max_contracts` counts what would be held if every working order filled.

    `daily_loss` is how much less the account may be worth than at 17:00 in Chicago, where a session
    begins, open positions and commissions included.
    `before_break` is how long before a halt or the close entries end, on half days too.
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
        self.hours: dict[str, tuple[int, int]] = {}
        self.opening: Decimal | None = None

    @hookimpl
    def session_opened(self, account: Account) -> None:
        """Note what the account is worth: the session's loss counts from here."""
        self.opening = None
        self.opening = account.worth()

    @hookimpl
    def veto_order(
        self,
        order: OrderRequest,
        instrument: FuturesContract,
        account: Account,
        posture: Posture | None,
    ) -> Veto | None:
        """Ask every rule; count the orders that pass."""
        broken = [
            self.too_many(order, posture),
            self.too_fast(order),
            self.unprotected(order),
            self.near_the_break(order, instrument),
            self.lost_enough(account),
        ]
        if reasons := [reason for reason in broken if reason]:
            return Veto("; ".join(reasons))
        self.passed.append(order.ts)
        return None

    def too_many(self, order: OrderRequest, posture: Posture | None) -> str | None:
        """Count contracts as if everything working filled. A posture may allow fewer."""
        limit = self.config.max_contracts
        if posture is not None and posture.max_contracts is not None:
            limit = min(limit, posture.max_contracts)
        if order.working <= limit:
            return None
        return f"would hold {order.working} contracts, the limit is {limit}"

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

    def near_the_break(self, order: OrderRequest, instrument: FuturesContract) -> str | None:
        """Refuse from `before_break` ahead of a halt or the close until the market opens again."""
        opens, stops = self.hours.get(root := instrument.underlying, NEVER)
        if not opens <= order.ts < stops:
            opens, stops = self.hours[root] = self.standing(root, order.ts)
        left = (stops - order.ts) // SECOND if order.ts >= opens else 0
        if left > self.config.before_break:
            return None
        return f"{left // 60} min to the maintenance break" if left > 0 else "maintenance break"

    def standing(self, root: str, ts: int) -> tuple[int, int]:
        """Return when the trading that holds `ts`, or comes next, starts and stops."""
        if (known := stretch(root, ts)) is None:
            raise LookupError(f"the hours of {root} are not in configs/markets.yaml")
        return known

    def lost_enough(self, account: Account) -> str | None:
        """Compare what the session has lost with the limit."""
        if self.opening is None:
            raise LookupError("no session was heard to open, so its loss is unknown")
        if account.is_worth(self.opening - self.config.daily_loss + CENT):
            return None
        loss = self.opening - account.worth()
        return f"lost {loss:f} this session, the limit is {self.config.daily_loss:f}"
