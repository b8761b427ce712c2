"""What the watcher reads at each look: the broker, the sessions, the machine, the budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from qe_plugins import state_dir
from qe_plugins.errors import QeError
from qe_plugins.guard.checks import Seen
from qe_plugins.guard.named import GuardedAccount
from qe_plugins.halt.facts import error_within
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import SeenSession, read_sessions
from qe_plugins.ib_client import BrokerConnection, BrokerSnapshot, BrokerUnknown
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import is_open

ANSWER = 4.0
"""Seconds in which the broker must answer a look."""

CLOCK_EVERY, JOURNAL_EVERY, BUDGET_EVERY, QUOTES_EVERY = 30.0, 30.0, 60.0, 10.0
RESOLUTION = 1.0
"""Seconds: the gateway gives its time in whole ones."""


class Looks:
    """Reads everything once a look; what is dear, less often."""

    def __init__(
        self,
        broker: BrokerConnection,
        guarded: GuardedAccount,
        *,
        restart_at: str | None = None,
        restart_lasts: float = 600.0,
        with_budget: bool = False,
    ) -> None:
        self._broker, self._guarded = broker, guarded
        self._restart_at, self._restart_lasts = restart_at, restart_lasts
        self._with_budget = with_budget
        self._latch = HaltLatch.at_home()
        self._due: dict[str, float] = {}
        self._skew: float | None = None
        self._journal: str | None = None
        self._spent: Decimal | None = None
        self._subscribed: set[str] = set()

    def look(self) -> Seen:
        """Return what is seen now. Takes as long as the broker takes to answer, at most ANSWER."""
        snapshot, unknown = self._snapshot()
        if snapshot is not None:
            self._sometimes("quotes", QUOTES_EVERY, self._subscribe)
            self._sometimes("clock", CLOCK_EVERY, self._read_clock)
        self._sometimes("journal", JOURNAL_EVERY, self._read_journal)
        if self._with_budget:
            self._sometimes("budget", BUDGET_EVERY, self._read_budget)
        at = datetime.now(UTC)
        halt = self._latch.read()
        return Seen(
            at=at,
            state=self._broker.state,
            unknown=unknown,
            snapshot=snapshot,
            sessions=self._sessions(),
            quotes=self._broker.quotes(),
            is_open=self.is_open(at),
            is_restarting=is_restarting(at, self._restart_at, self._restart_lasts),
            free_bytes=state_dir.free_bytes(),
            skew=self._skew,
            halt=None if halt is None else halt.line,
            journal_error=self._journal,
            spent=self._spent,
        )

    def is_open(self, at: datetime) -> bool:
        """Return whether a contract that is guarded trades; True where that is not known."""
        return any(is_open(root, at) for root in self._guarded.quoted_roots) or (
            not self._guarded.quoted_roots
        )

    def _snapshot(self) -> tuple[BrokerSnapshot | None, str | None]:
        try:
            return self._broker.snapshot(ANSWER), None
        except BrokerUnknown as error:
            return None, str(error)

    def _sessions(self) -> list[SeenSession]:
        """Return the live sessions of the configuration; of those that died, the newest alone."""
        own = [
            one
            for one in read_sessions()[0]
            if one.status.mode == "live" and one.status.name == self._guarded.name
        ]
        alive = [one for one in own if one.state != "died"]
        return alive or own[-1:]

    def _sometimes(self, what: str, every: float, read: Callable[[], None]) -> None:
        if time.monotonic() >= self._due.get(what, 0.0):
            self._due[what] = time.monotonic() + every
            read()

    def _subscribe(self) -> None:
        for symbol in self._guarded.quoted:
            if symbol not in self._subscribed:
                with suppress(BrokerUnknown):  # the quote is stale then, which is a finding
                    self._broker.subscribe(symbol, timeout=ANSWER)
                    self._subscribed.add(symbol)

    def _read_clock(self) -> None:
        """Compare the clock with the gateway's, which is a second exact: the least it is off by."""
        before = time.time()
        try:
            theirs = self._broker.server_time(ANSWER)
        except BrokerUnknown:
            self._skew = None
            return
        ahead, behind = before - (theirs + RESOLUTION), time.time() - theirs
        self._skew = max(ahead, 0.0) or min(behind, 0.0)

    def _read_journal(self) -> None:
        from qe_plugins.journal.store import Journal

        self._journal = error_within(3.0, Journal.check, who="it")

    def _read_budget(self) -> None:
        from qe_plugins.llm.ledger import Ledger

        today = f"{datetime.now(UTC):%Y-%m-%d}"
        with suppress(QeError), Ledger() as ledger:
            rows = [row for row in ledger.costs("day") if row.group == today]
            self._spent = sum((row.usd + row.in_doubt for row in rows), Decimal(0))


def is_restarting(at: datetime, restart_at: str | None, lasts: float) -> bool:
    """Return whether the gateway may be away: within `lasts` seconds of its daily restart.

    `restart_at` is a time in Chicago, `16:15`.
    """
    if restart_at is None:
        return False
    hour, minute = map(int, restart_at.split(":"))
    here = at.astimezone(CHICAGO)
    since = here - here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return timedelta(0) <= since % timedelta(days=1) <= timedelta(seconds=lasts)
