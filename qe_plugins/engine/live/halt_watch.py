"""What a session reads for the triggers of its halt: at every moment of its data, and between."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from nautilus_trader.model import BarType

from qe_plugins import state_dir
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.signals.session_events import session_end
from qe_plugins.halt.monitor import HaltMonitor
from qe_plugins.halt.triggers import Readings
from qe_plugins.journal.facts import FactKind
from qe_plugins.market.sessions import open_time

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.halt.latch import HaltLatch
    from qe_plugins.halt.settings import HaltSettings, TriggerName
    from qe_plugins.journal.facts import Fact

OF_A_FEED: tuple[TriggerName, ...] = ("stale_data",)
"""Triggers that no replay has. A bar that is late by the data's own clock is one that the recording
does not have: the market was quiet, or the recording has a gap, which `qe data` lists. A backtest
trades on after it, and so does its replay."""

OF_TRADING: tuple[TriggerName, ...] = ("daily_loss", "rejected_orders", "expired_posture")
"""Triggers that a replay has only where it is asked to: its fills are compared with a backtest's.
"""

DISK_EVERY = 1.0
"""Seconds between two looks at the disk."""


@dataclass(frozen=True)
class Watched:
    """Where a session reads what its context does not have.

    `skew` returns how far its clock is from where it should be, in seconds, None where that is not
    known. `journal_error` returns why the journal cannot be written, None where it can. `now` is
    its clock (UTC ns), which in a replay is the data's.
    """

    now: Callable[[], int]
    skew: Callable[[], float | None]
    journal_error: Callable[[], str | None]


class HaltWatch:
    """Checks the triggers of a session: at every moment of its data (`at`), and while it waits.

    Losses, rejected orders, postures and late bars go by the market's time and are read once a
    moment, so that a session halts where it halts at any speed. `day_pnl` is the P&L since 17:00 in
    Chicago, open profit included, in account currency.
    """

    def __init__(
        self,
        context: RunContext,
        latch: HaltLatch,
        settings: HaltSettings,
        tape: Tape,
        watched: Watched,
        without: tuple[TriggerName, ...],
    ) -> None:
        self._context, self._watched, self._settings = context, watched, settings
        self._now = tape.start
        self._day: object = None
        self._last_equity = self._day_equity = context.balance.starting
        self._free: int | None = None
        self._disk_due = 0.0
        self._expiry: dict[str, int] = {}
        self._monitor = HaltMonitor(
            msgspec.structs.replace(settings, disabled=sorted({*settings.disabled, *without})),
            latch,
            context.session_recorder,
            rung=context.rung,
            open_time=open_time,
            on_halt=lambda _halt: cancel_entries(context),
            on_resume=context.hook_deadlines.resume,
        )
        self.readings = self._monitor.readings
        context.on_hook_timeout = self._monitor.hook_timeout.timed_out
        self._expect_bars(tape)

    @property
    def day_pnl(self) -> Decimal:
        """Return the P&L of the day, at the last moment."""
        return self._last_equity - self._day_equity

    def on_fact(self, fact: Fact) -> None:
        """Note a bar, a rejected order, and a change of the rung."""
        if fact.kind is FactKind.SNAPSHOT:
            self._monitor.stale_data.bar(fact.source, fact.ts_event)
        elif fact.kind is FactKind.OUTCOME and fact.body.get("status") == "REJECTED":
            reason = str(fact.body.get("reason", ""))
            self._monitor.rejected_orders.rejected(fact.ts_event, reason)
        elif fact.kind is FactKind.RUNG and self._context.rung.risk > 0:
            self._monitor.daily_loss.limit = self._settings.loss_limit(self._context.rung)

    def not_asked_for(self, bar_types: Iterable[str], ts: int) -> None:
        """Note bars that are not asked for yet: none that closed before `ts` (UTC ns) is late."""
        for bar_type in map(BarType.from_str, bar_types):
            self._monitor.stale_data.bar(str(bar_type.instrument_id), ts)

    def at(self, ts: int, *, catching_up: bool) -> None:
        """Read what a moment of the data (UTC ns) brought. No halt while it catches up."""
        if ts <= self._now and self._day is not None:
            return
        self._now = ts
        if (day := session_end(ts)) != self._day:
            self._day, self._day_equity = day, self._last_equity
        self._last_equity = self._context.balance.equity()
        for contract in [name for name, expires in self._expiry.items() if expires <= ts]:
            del self._expiry[contract]
            self._monitor.stale_data.expect_no_more(contract)
        if not catching_up:
            self._check(ts, self.day_pnl)

    def idle(self) -> None:
        """Read what can change while the session waits for data."""
        now = max(self._now, self._watched.now())
        self._check(now, None)  # the same loss again is no further reading

    def _check(self, now: int, day_pnl: Decimal | None) -> None:
        self._monitor.check(
            Readings(
                now=now,
                day_pnl=day_pnl,
                posture=self._context.gate.posture,
                skew=self._watched.skew(),
                journal_error=self._watched.journal_error(),
                free_bytes=self._free_bytes(),
            )
        )

    def _free_bytes(self) -> int | None:
        """Return the free bytes of the state folder's disk; None where the folder is gone."""
        if time.monotonic() >= self._disk_due:
            self._disk_due = time.monotonic() + DISK_EVERY
            try:
                self._free = shutil.disk_usage(state_dir.state_dir()).free
            except OSError:  # the latch of a folder that is gone counts as set
                self._free = None
        return self._free

    def _expect_bars(self, tape: Tape) -> None:
        roots = {str(one.id): one.underlying for one in tape.contracts}
        self._expiry = {str(one.id): one.expiration_ns for one in tape.contracts}
        for bar_type in map(BarType.from_str, tape.bar_types):
            contract = str(bar_type.instrument_id)
            every = bar_type.spec.timedelta.total_seconds()
            expect = partial(self._monitor.stale_data.expect, contract, roots.get(contract, ""))
            expect(every, tape.start)
