"""What a session does about once a second: facts, triggers of the halt, its status."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from qe_plugins import state_dir
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.signals.session_events import session_end
from qe_plugins.halt.monitor import HaltMonitor
from qe_plugins.halt.settings import HaltSettings, TriggerName
from qe_plugins.halt.status import SessionStatus, this_process, write_status
from qe_plugins.halt.triggers import Readings

if TYPE_CHECKING:
    from qe_plugins.engine.live.session_journal import SessionJournal
    from qe_plugins.engine.live.view import SessionView
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.halt.latch import HaltLatch

EVERY = 1.0
"""Seconds between two heartbeats."""

OF_A_MARKET: tuple[TriggerName, ...] = (
    "daily_loss",
    "rejected_orders",
    "stale_data",
    "expired_posture",
    "clock_skew",
)
"""Triggers that a replay leaves out: it is compared with a backtest, on the data's clock."""


class Heartbeat:
    """Writes facts and status, and checks the latch and the triggers, once a second."""

    def __init__(
        self,
        context: RunContext,
        journal: SessionJournal,
        latch: HaltLatch,
        started: datetime,
        name: str,
    ) -> None:
        self._context, self._journal, self._started, self._name = context, journal, started, name
        self._next, self._began = 0.0, time.monotonic()
        self._day: tuple[object, Decimal] | None = None
        self.bars: dict[str, datetime] = {}
        self.decision = ""
        rung = context.rung
        settings = HaltSettings(disabled=list(OF_A_MARKET))
        self._monitor = HaltMonitor(
            settings,
            latch,
            context.session_recorder,
            rung=rung,
            open_time=lambda *_: 0,
            on_halt=lambda _halt: cancel_entries(context),
        )

    def beat(self, view: SessionView, now: bool) -> None:
        """Do what is due, or all of it `now`."""
        if time.monotonic() < self._next and not now:
            return
        self._next = time.monotonic() + EVERY
        self._context.flush()
        if self._journal.catching_up:
            return
        day = session_end(view.ts)
        if self._day is None or self._day[0] != day:
            self._day = (day, view.equity)
        self._monitor.check(
            Readings(
                now=view.ts,
                day_pnl=view.equity - self._day[1],
                free_bytes=shutil.disk_usage(state_dir.state_dir()).free,
            )
        )
        write_status(self._status(view, view.equity - self._day[1]))

    def _status(self, view: SessionView, day_pnl: Decimal) -> SessionStatus:
        pid, host = this_process()
        return SessionStatus(
            run_id=self._journal.run_id,
            name=self._name,
            mode="paper",
            pid=pid,
            host=host,
            started=self._started,
            engine_time=datetime.fromtimestamp(view.ts / 1e9, UTC),
            wall_time=self._started + timedelta(seconds=time.monotonic() - self._began),
            last_bars=dict(self.bars),
            positions=view.positions,
            equity=view.equity,
            day_pnl=day_pnl,
            currency=view.currency,
            last_decision=self.decision,
            readings=self._monitor.readings(),
        )
