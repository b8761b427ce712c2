"""A guardian that refuses what would lose at the next bar."""

from __future__ import annotations

from prices import closes, rise

from qe_plugins import OrderRequest, Plugin, Role, Veto, hookimpl


class GuardianAhead(Plugin):
    """Refuse to buy before a fall, and to sell before a rise."""

    role = Role.GUARDIAN

    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto | None:
        known = closes()
        now = known[1][known[0].index(order.ts)]
        moves = rise(known, order.ts, now)
        against = moves < 0 if order.side == "BUY" else moves > 0
        return Veto("it will lose") if against else None
