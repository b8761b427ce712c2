"""What a desk looks at: its session, closed trades, the halt, and what is left to spend."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from qe_plugins import wall_clock
from qe_plugins.desk.records import ClosedTrade, DayPlan, DeskSituation
from qe_plugins.desk.session_process import SessionProcess
from qe_plugins.fleet.scan.estimate import plan
from qe_plugins.fleet.settings import Fleet
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import SeenSession
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.requests import scopes

MOST_TRADES = 1_000


class DeskSenses:
    """Reads state files, journal and ledger. `session` is None for a desk without one."""

    def __init__(self, fleet: Fleet, journal: Journal, session: SessionProcess | None) -> None:
        self._fleet, self._journal, self._session = fleet, journal, session
        self._latch = HaltLatch.at_home()
        self._run: str | None = None

    def view(self, now: datetime, plan: DayPlan) -> DeskSituation:
        """Return session, trades of the day, and whether calls of models may be sent."""
        seen = self.session()
        if seen is not None:
            self._run = seen.status.run_id
        halted = self._latch.read() is not None
        return DeskSituation(
            now=now,
            run=self._run,
            trades=self._trades(plan, now),
            paid=not halted and self._has_budget(),
            halted=halted,
        )

    def session(self) -> SeenSession | None:
        """Return the session as its heartbeat says."""
        return None if self._session is None else self._session.look()

    def budget(self) -> Decimal | None:
        """Return the budget of a UTC day in USD, None without one or where rules answer."""
        return None if self._fleet.provider == "offline" else self._fleet.budgets.day

    def _has_budget(self) -> bool:
        """Return whether a hunt is within what is left of the day's budget, by the ledger."""
        limit, today = self.budget(), wall_clock.now().astimezone(UTC).date()
        if limit is None:
            return True
        with Ledger() as ledger:
            left = ledger.left(scopes(today.isoformat(), "", "")[0], limit)
        hunt = sum((one.now for one in plan(self._fleet).lines), Decimal(0))
        return left > 0 and left >= min(hunt, limit)

    def _trades(self, plan: DayPlan, now: datetime) -> tuple[ClosedTrade, ...]:
        if self._run is None:
            return ()
        found = self._journal.page(
            kinds=[FactKind.TRADE],
            run=self._run,
            since_ns=int(plan.open.timestamp()) * 10**9,
            limit=MOST_TRADES,
        )
        return tuple(
            ClosedTrade(
                run=one.run_id,
                trade=one.fact.id.removeprefix("trade:"),
                closed=datetime.fromtimestamp(one.fact.ts_event / 10**9, UTC),
            )
            for one in found
            if one.fact.ts_event <= int(now.timestamp() + 1) * 10**9
        )
