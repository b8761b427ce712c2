"""When no order may add risk: before a break, the gateway's restart, a roll and expiry.

Expiry and roll day are those of `market`, never of the broker's instrument.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import next_session

if TYPE_CHECKING:
    from qe_plugins.config.broker import BrokerSettings
    from qe_plugins.engine.broker.contracts import LiveContract

SECOND = 1_000_000_000
RESTART_TAKES = timedelta(minutes=5)
"""How long after its restart a gateway may not be connected to the exchange yet."""


class NoEntryTimes:
    """Says why no order may add risk in a contract at a moment.

    `following` is a contract that only a roll enters: while `rolling`, it alone may be entered.
    """

    def __init__(
        self,
        contracts: Iterable[LiveContract],
        settings: BrokerSettings,
        following: LiveContract | None = None,
    ) -> None:
        self._contracts = {one.id: one for one in contracts}
        self._following, self.rolling = following, False
        self._before, restart = settings.no_entry, settings.ib.restart_at
        self._restart = None if restart is None else time.fromisoformat(restart)

    def reason(self, contract: Any, ts: int) -> str:
        """Return why no order may add risk at `ts` (UTC ns), empty where one may."""
        known = self._contracts.get(str(contract))
        if known is None:
            return f"{contract} is no contract of this session"
        return (
            self._rolling(known)
            or self._expiry(known, ts)
            or self._roll(known, ts)
            or self._break(known, ts)
            or self._restarts(ts)
        )

    def _rolling(self, contract: LiveContract) -> str:
        if contract == self._following:
            return "" if self.rolling else f"only a roll enters {contract.long_id}"
        return f"{contract.long_id} is being rolled" if self.rolling else ""

    def _expiry(self, contract: LiveContract, ts: int) -> str:
        if contract.expires - ts > self._before.before_expiry * SECOND:
            return ""
        at = _chicago(contract.expires)
        return f"{contract.long_id} stops trading at {at:%Y-%m-%d %H:%M} Chicago"

    def _roll(self, contract: LiveContract, ts: int) -> str:
        rolls = datetime.combine(contract.roll_day, time(), CHICAGO)
        if _chicago(ts) < rolls - timedelta(seconds=self._before.before_roll):
            return ""
        return f"{contract.long_id} is rolled on {contract.roll_day}"

    def _break(self, contract: LiveContract, ts: int) -> str:
        session = next_session(contract.root, ts)
        if not session.trades_at(ts):
            return "the market is closed"
        stops = session.next_stop(ts).astimezone(CHICAGO)
        if stops - _chicago(ts) > timedelta(seconds=self._before.before_break):
            return ""
        return f"trading stops at {stops:%H:%M} Chicago"

    def _restarts(self, ts: int) -> str:
        if self._restart is None:
            return ""
        now = _chicago(ts)
        for day in (now.date(), now.date() + timedelta(days=1)):
            at = datetime.combine(day, self._restart, CHICAGO)
            if at - timedelta(seconds=self._before.before_restart) <= now < at + RESTART_TAKES:
                return f"the gateway restarts at {at:%H:%M} Chicago"
        return ""


def _chicago(ts: int) -> datetime:
    return datetime.fromtimestamp(ts // SECOND, CHICAGO)
