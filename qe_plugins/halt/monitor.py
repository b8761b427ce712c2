"""What a session calls at every bar and every second: triggers, latch, facts, one line each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from qe_plugins.errors import QeError
from qe_plugins.halt.facts import halt_body
from qe_plugins.halt.latch import Halt, HaltLatch, HaltReason
from qe_plugins.halt.settings import HaltSettings
from qe_plugins.halt.status import Reading
from qe_plugins.halt.triggers import (
    ClockSkew,
    DailyLoss,
    DiskLow,
    ExpiredPosture,
    HookTimeout,
    JournalNotWritable,
    OpenTime,
    Readings,
    RejectedOrders,
    StaleData,
    Trigger,
)
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
from qe_plugins.journal.activity.report import record_aside
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Rung
from qe_plugins.safe_text import in_words

LOG = logging.getLogger(__name__)


class FactRecorder(Protocol):
    """The part of a session's recorder that is used here."""

    def numbered(
        self, kind: FactKind, ts: int, source: str, cause: str | None, body: dict[str, Any]
    ) -> str:
        """Record a fact whose id is its kind and the next number; return the id."""


class HaltMonitor:
    """Sets the latch when a trigger fires, and records every halt and resume of a session.

    A trigger sets the latch once, and again only after its condition has ended in between. Halts
    that a person or another session set are noticed and recorded, too. `on_halt` is called once a
    halt; it cancels what waits. `on_resume` is called once a resume. Not thread-safe: for the
    trading thread.
    """

    def __init__(
        self,
        settings: HaltSettings,
        latch: HaltLatch,
        recorder: FactRecorder,
        *,
        rung: Rung,
        open_time: OpenTime,
        on_halt: Callable[[Halt], object] = lambda halt: None,
        on_resume: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_resume = on_resume
        self._latch, self._recorder, self._on_halt = latch, recorder, on_halt
        self.daily_loss = DailyLoss(
            settings.loss_limit(rung), settings.loss_readings, rung.currency
        )
        self.rejected_orders = RejectedOrders(settings.rejections, settings.rejections_within)
        self.stale_data = StaleData(settings.stale_after, open_time)
        self.hook_timeout = HookTimeout()
        triggers: tuple[Trigger, ...] = (
            self.daily_loss,
            self.rejected_orders,
            self.stale_data,
            ExpiredPosture(),
            ClockSkew(settings.clock_skew),
            JournalNotWritable(),
            DiskLow(settings.min_free_gib),
            self.hook_timeout,
        )
        self._triggers = [one for one in triggers if one.name not in settings.disabled]
        self._fired: set[str] = set()
        self._unset: dict[str, str] = {}
        self._complained: set[str] = set()
        self._known: set[tuple[str, str]] = set()
        self._current: tuple[object, ...] | None = None

    def check(self, readings: Readings) -> Halt | None:
        """Check every trigger, record what is new, and return the halt in force or None."""
        for trigger in self._triggers:
            reason = trigger.check(readings)
            if reason is None:
                self._fired.discard(trigger.name)
            elif trigger.name not in self._fired:
                self._fired.add(trigger.name)
                self._unset[trigger.name] = reason
        for name, reason in list(self._unset.items()):
            self._set(name, reason)
        halt = self._latch.read()
        current = None if halt is None else (halt.since, halt.source, halt.reason)
        if self._current not in (None, current):
            self._resumed(readings.now)
        if halt is not None:
            self._record(halt, readings.now)
            if self._current is None:
                self._current = current
                self._on_halt(halt)
        return halt

    def readings(self) -> dict[str, Reading]:
        """Return what each trigger read last, for the session's status."""
        return {
            one.name: Reading(text=one.reading, fired=one.name in self._fired)
            for one in self._triggers
        }

    def _set(self, name: str, reason: str) -> None:
        """Set the latch. Where it cannot be written, this process is halted; it is tried again."""
        try:
            self._latch.set(reason, name)
            del self._unset[name]
            self._complained.discard(name)
            record_aside(
                PipelineEntry(
                    process="session",
                    kind=ActivityKind.HALT,
                    text=reason,
                    severity=Severity.ALARM,
                    actor=name,
                )
            )
        except QeError as error:
            if name not in self._complained:
                LOG.error("halt: %s", error)
            self._complained.add(name)

    def _record(self, halt: Halt, ts: int) -> None:
        for one in (halt, *halt.later):
            key = (one.source, one.reason)
            if key not in self._known:
                self._known.add(key)
                LOG.error("HALTED by %s: %s", one.who, one.reason)
                plain = HaltReason(reason=one.reason, source=one.source, since=one.since, by=one.by)
                self._write(FactKind.HALT, ts, one.source, halt_body(plain))

    def _resumed(self, ts: int) -> None:
        self._current = None
        self._known.clear()
        for trigger in self._triggers:
            trigger.resumed()
        self._on_resume()
        ended = self._latch.last_resume()
        by, reason = ("", "") if ended is None else (ended.by, ended.reason)
        LOG.warning("resumed by %s: %s", by or "a person", reason or "no reason is known")
        self._write(FactKind.RESUME, ts, "person", {"reason": reason, "by": by})

    def _write(self, kind: FactKind, ts: int, source: str, body: dict[str, Any]) -> None:
        """Record a fact. The halt holds without it: the journal may be what is broken."""
        try:
            self._recorder.numbered(kind, ts, source, None, body)
        except QeError as error:
            LOG.error("%s is not in the journal: %s", kind, in_words(error))
