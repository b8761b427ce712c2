"""Reports of a long-running command to `pipeline_journal`: its start, its end, and what happened.

A row that cannot be written is logged and costs the command at most PATIENCE: what it does must
not depend on the report of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from qe_plugins import state_dir, stop_signals, wall_clock
from qe_plugins.errors import QeError
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
from qe_plugins.safe_text import in_words, named

LOG = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a row may wait for another writer."""


class CommandReport:
    """What a command reports while it runs. Attributes that are set are those of later rows."""

    def __init__(self, process: str, actor: str | None = None) -> None:
        self.process, self.actor = process, actor
        self.run_id: str | None = None
        self.scan_id: str | None = None
        self.href: str | None = None
        self.outcome: str | None = None
        self._started = time.monotonic()
        self._ended = False
        self._waiting: list[tuple[PipelineEntry, int]] = []

    def write(self, kind: ActivityKind, text: str) -> None:
        """Write one row; a failure to do so is logged.

        Without a journal it waits, with its time, until there is one or the command ends: a command
        that is refused for bad input leaves no journal behind.
        """
        self._write(kind, text, Severity.INFO, create=False)

    def _write(self, kind: ActivityKind, text: str, severity: Severity, *, create: bool) -> None:
        row = PipelineEntry(
            process=self.process,
            kind=kind,
            text=text,
            severity=severity,
            actor=self.actor,
            run_id=self.run_id,
            scan_id=self.scan_id,
            href=self.href,
        )
        self._waiting.append((row, wall_clock.now_ns()))
        if create or _has_journal():
            rows, self._waiting = self._waiting, []  # a stop signal may end it from another thread
            for one, at_ns in rows:
                _record(one, state_dir.journal_url(), at_ns)

    def end(self, text: str | None = None) -> None:
        """Write the end, once; the default is the outcome, or how long it took."""
        if not self._ended:
            self._ended = True
            took = f"{time.monotonic() - self._started:.1f} s"
            end = f"{text or self.outcome or 'ended'}, {took}"
            self._write(ActivityKind.END, end, Severity.INFO, create=True)

    def interrupted(self) -> None:
        """Write that a person ended it."""
        self.end("interrupted")

    def failed(self, error: BaseException) -> None:
        """Write that it failed: a warning where a person can mend it, otherwise an alarm."""
        if not self._ended:
            self._ended, known = True, isinstance(error, QeError)
            text = in_words(error) if known else named(error)
            severity = Severity.WARNING if known else Severity.ALARM
            self._write(ActivityKind.FAILURE, text, severity, create=not known)


def _has_journal() -> bool:
    from qe_plugins.journal.store import Journal

    return Journal.exists()


def record(activity: PipelineEntry) -> None:
    """Write one row to the user's journal within PATIENCE; a failure to do so is logged."""
    _record(activity, state_dir.journal_url(), wall_clock.now_ns())


def record_aside(activity: PipelineEntry) -> None:
    """Write one row as `record` does, on a thread of its own: for a thread that must not wait."""
    arguments = (activity, state_dir.journal_url(), wall_clock.now_ns())
    threading.Thread(target=_record, args=arguments, name="qe-activity", daemon=True).start()


def _record(activity: PipelineEntry, url: str, at_ns: int) -> None:
    from qe_plugins.journal.activity.store import ActivityJournal

    try:
        with ActivityJournal.open(url, timeout=PATIENCE) as journal:
            journal.record(activity, at_ns)
    except QeError as error:
        LOG.warning("not in the pipeline journal: %s: %s", activity.text, in_words(error))


@contextmanager
def reported(process: str, text: str, *, actor: str | None = None) -> Iterator[CommandReport]:
    """Report the start of a command, and its end or its failure, which is raised again."""
    report = CommandReport(process, actor)
    report.write(ActivityKind.START, text)
    try:
        with stop_signals.undone_by(report.interrupted):
            yield report
    except (KeyboardInterrupt, SystemExit) as ended:
        code = getattr(ended, "code", None)
        report.end(f"ended with exit code {code}" if code else "interrupted")
        raise
    except BaseException as error:
        report.failed(error)
        raise
    report.end()
