"""What a session does about once a second: facts, triggers of the halt, its status."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nautilus_trader.model import BarType

from qe_plugins.halt.status import Mode, SessionStatus, this_process, write_status

if TYPE_CHECKING:
    from qe_plugins.engine.live.halt_watch import HaltWatch
    from qe_plugins.engine.live.session_journal import SessionJournal
    from qe_plugins.engine.live.view import SessionView
    from qe_plugins.engine.running.context import RunContext

EVERY = 1.0
"""Seconds between two heartbeats."""


class Heartbeat:
    """Writes facts and status, and checks the latch and the triggers, once a second."""

    def __init__(
        self,
        context: RunContext,
        journal: SessionJournal,
        watch: HaltWatch,
        started: datetime,
        name: str,
        bars: Iterable[str],
        *,
        mode: Mode = "paper",
    ) -> None:
        self._context, self._journal, self._started = context, journal, started
        self._watch, self._name, self._mode = watch, name, mode
        self._bar_types = [BarType.from_str(one) for one in bars]
        self._next, self._began = 0.0, time.monotonic()

    def beat(self, view: SessionView, now: bool) -> None:
        """Do what is due, or all of it `now`."""
        if time.monotonic() < self._next and not now:
            return
        self._next = time.monotonic() + EVERY
        self._context.flush()
        if self._journal.catching_up:
            return
        self._watch.idle()
        write_status(self._status(view))

    def _status(self, view: SessionView) -> SessionStatus:
        pid, host = this_process()
        return SessionStatus(
            run_id=self._journal.run_id,
            name=self._name,
            mode=self._mode,
            pid=pid,
            host=host,
            started=self._started,
            engine_time=datetime.fromtimestamp(view.ts / 1e9, UTC),
            wall_time=self._started + timedelta(seconds=time.monotonic() - self._began),
            last_bars=self._last_bars(),
            positions=view.positions,
            equity=view.equity,
            day_pnl=self._watch.day_pnl,
            currency=view.currency,
            last_decision=view.last[-1].text if view.last else "",
            waits=self._waits(),
            readings=self._watch.readings(),
        )

    def _waits(self) -> str:
        """Return why no order may add risk yet, empty where it may."""
        not_ready = self._context.gate.not_ready
        return "" if not_ready is None else not_ready()

    def _last_bars(self) -> dict[str, datetime]:
        """Return the close of the last bar of each contract."""
        found: dict[str, datetime] = {}
        for name in self._bar_types:
            if (bar := self._context.cache.bar(name)) is not None:
                at = datetime.fromtimestamp(bar.ts_event / 1e9, UTC)
                found[str(name.instrument_id)] = at
        return found
