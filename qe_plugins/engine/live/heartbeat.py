"""What a session does about once a second: facts, triggers of the halt, its status."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from nautilus_trader.model import BarType

from qe_plugins import state_dir
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.signals.session_events import session_end
from qe_plugins.halt.monitor import HaltMonitor
from qe_plugins.halt.status import SessionStatus, this_process, write_status
from qe_plugins.halt.triggers import Readings
from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.engine.live.session_journal import SessionJournal
    from qe_plugins.engine.live.view import SessionView
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.halt.latch import HaltLatch
    from qe_plugins.halt.settings import TriggerName
    from qe_plugins.journal.facts import Fact

EVERY = 1.0
"""Seconds between two heartbeats."""

OF_A_CLOCK: tuple[TriggerName, ...] = ("stale_data", "clock_skew")
"""Triggers that no replay has: its clock is the data's."""

OF_TRADING: tuple[TriggerName, ...] = ("daily_loss", "rejected_orders", "expired_posture")
"""Triggers that a replay has only where it is asked to: its fills are compared with a backtest's.
"""


class Heartbeat:
    """Writes facts and status, and checks the latch and the triggers, once a second."""

    def __init__(
        self,
        context: RunContext,
        journal: SessionJournal,
        latch: HaltLatch,
        started: datetime,
        loaded: Loaded,
        bars: Iterable[str],
        *,
        triggers: bool,
    ) -> None:
        self._context, self._journal, self._started = context, journal, started
        self._name, self._bar_types = loaded.config.name, [BarType.from_str(one) for one in bars]
        self._next, self._began = 0.0, time.monotonic()
        self._day: tuple[object, Decimal] | None = None
        given, rung = loaded.config.halt, context.rung
        without = {*given.disabled, *OF_A_CLOCK, *(() if triggers else OF_TRADING)}
        settings = msgspec.structs.replace(given, disabled=sorted(without))
        self._monitor = HaltMonitor(
            settings,
            latch,
            context.session_recorder,
            rung=rung,
            open_time=lambda *_: 0,
            on_halt=lambda _halt: cancel_entries(context),
        )

        context.on_hook_timeout = self._monitor.hook_timeout.timed_out

    def on_fact(self, fact: Fact) -> None:
        """Count a rejected order."""
        if fact.kind is FactKind.OUTCOME and fact.body.get("status") == "REJECTED":
            reason = str(fact.body.get("reason", ""))
            self._monitor.rejected_orders.rejected(fact.ts_event, reason)

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
                posture=self._context.gate.posture,
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
            last_bars=self._last_bars(),
            positions=view.positions,
            equity=view.equity,
            day_pnl=day_pnl,
            currency=view.currency,
            last_decision=view.last[-1].text if view.last else "",
            readings=self._monitor.readings(),
        )

    def _last_bars(self) -> dict[str, datetime]:
        """Return the close of the last bar of each contract."""
        found: dict[str, datetime] = {}
        for name in self._bar_types:
            if (bar := self._context.cache.bar(name)) is not None:
                at = datetime.fromtimestamp(bar.ts_event / 1e9, UTC)
                found[str(name.instrument_id)] = at
        return found
