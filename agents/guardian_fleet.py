"""Vetoes what the fleet's posture does not allow, and everything new once it has expired.

`qe fleet guard` publishes postures; the tightest of those that have not expired is in force. With
none in force, because the fleet has stopped, nothing new is opened. Orders that only reduce a
position are not asked about.
"""

from __future__ import annotations

from decimal import Decimal

from qe_plugins import Account, OrderRequest, Plugin, PluginConfig, Role, Veto, hookimpl
from qe_plugins.recordings.postures import PostureFile


class GuardianFleetConfig(PluginConfig, frozen=True):
    """`postures` is the name of the fleet whose GUARDIAN publishes them."""

    postures: str


class GuardianFleet(Plugin):
    """Enforces halt, sides, contracts and the session's loss of the posture in force."""

    role = Role.GUARDIAN
    Config = GuardianFleetConfig
    config: GuardianFleetConfig

    def __init__(self, config: GuardianFleetConfig) -> None:
        super().__init__(config)
        self.file = PostureFile(config.postures)
        self.opening: Decimal | None = None

    @hookimpl
    def session_opened(self, account: Account) -> None:
        """Store the equity from which the session's loss is measured."""
        self.opening = account.equity()

    @hookimpl
    def veto_order(self, order: OrderRequest, account: Account) -> Veto | None:
        """Return a veto where the posture in force at the order's time does not allow it."""
        posture = self.file.in_force(order.ts)
        if posture is None:
            return Veto(f"no posture of the fleet {self.config.postures} is in force")
        if reason := posture.refuses(order.ts, order.side):
            return Veto(reason)
        most = posture.max_contracts
        if most is not None and order.worst_case_position > most:
            held = order.worst_case_position
            return Veto(f"would hold {held} contracts, the posture allows {most}")
        if posture.max_loss is None:
            return None
        if self.opening is None:
            raise LookupError("no session has opened, so its loss is unknown")
        lost = self.opening - account.equity()
        if lost >= posture.max_loss:
            return Veto(f"lost {lost:f} this session, the posture allows {posture.max_loss:f}")
        return None
