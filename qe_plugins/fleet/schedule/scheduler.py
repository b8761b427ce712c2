"""One fleet around the clock: a scan at each tick of its schedule, one at a time.

A tick that passes while a scan runs is missed, not queued. An unfinished scan is resumed first.
Once the day's budget is used up, the next scan waits for the next UTC day. After scans that failed
for a temporary reason the pause doubles.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import chain

import msgspec
from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.errors import ConfigError, FleetError, Halted, ModelError, QeError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.scan.store import ScanFolder
from qe_plugins.fleet.schedule.clock import Clock, WallClock, midnight_after, next_tick, passed
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.safe_text import in_words, one_line

LOG = logging.getLogger(__name__)
LONGEST_PAUSE = timedelta(hours=1)
PERMANENT = (ConfigError, ModelError)
"""Errors that a later scan would repeat: a wrong file, a missing key, a retired model."""

type Run = Callable[[Scan], ScanResult]
"""Runs a scan to its end; raises Stopped on request."""


class ScheduledScan(msgspec.Struct, frozen=True, kw_only=True):
    """One scan by schedule. `tick` is when it was due, `missed` the ticks that passed while it ran.

    A `resumed` scan had been begun before; it was due at once.
    """

    tick: datetime
    missed: int
    resumed: bool
    result: ScanResult


class Scheduler:
    """Runs the scans of one fleet by its schedule, until `stop` is requested.

    Ticks that pass while trading is halted are skipped; `skipped` counts them.
    """

    def __init__(
        self, loaded: LoadedFleet, run: Run, stop: StopRequest, *, clock: Clock | None = None
    ) -> None:
        self._loaded, self._run, self._stop = loaded, run, stop
        self._name, self._every = loaded.fleet.name, loaded.fleet.schedule.every
        self._clock = clock or WallClock()
        self._failed = self.skipped = 0
        self._latch = HaltLatch.at_home()
        self._gave_up: set[str] = set()
        self._over_budget_on: date | None = None

    def scans(self, times: int | None = None, *, at_once: bool = False) -> Iterator[ScheduledScan]:
        """Yield each scan that ended, for `times` ticks or without end.

        With `at_once` the first scan does not wait for its tick. Raises FleetError where a
        scheduler of this fleet runs already, ConfigError and ModelError, which a later scan would
        repeat.
        """
        with self._exclusive():
            self._over_budget_on = self._last_day_over_budget()
            due = self._clock.now()
            if not self._is_halted("resumed"):
                yield from self._resume(due)
            due = due if at_once else next_tick(due, self._every)
            while not self._stop.requested and (times is None or times > 0):
                due = self._within_budget(due)
                if due > self._clock.now():
                    LOG.info("next scan at %s", _format_time(due))
                if not self._clock.wait(due, self._stop):
                    break
                if self._is_halted("scanned"):
                    self.skipped += 1
                    times = times - 1 if times is not None else times
                    due = self._next_due()
                    continue
                for ended in chain(self._resume(due), self._start(due)):
                    times = times - 1 if times is not None and not ended.resumed else times
                    yield ended
                due = self._next_due()
        if self._stop.requested:
            LOG.info("stopped")

    def _is_halted(self, what: str) -> bool:
        """Return whether trading is halted, and log that nothing is done about it."""
        halt = self._latch.read()
        if halt is not None:
            LOG.warning("nothing is %s: %s", what, halt.line)
        return halt is not None

    def _start(self, due: datetime) -> Iterator[ScheduledScan]:
        """Yield a new scan once it has ended, or nothing where it failed or was stopped."""
        if not self._stop.requested:
            yield from self._run_scan(lambda: lifecycle.begin(self._loaded), due, resumed=False)

    def _resume(self, due: datetime) -> Iterator[ScheduledScan]:
        """Yield the last scan once it has ended, where it was unfinished; it is resumed once.

        A scan older than an answer stays valid is not resumed: its market state is outdated.
        """
        known = store.newest(self._name)
        if known is None or known[0] in self._gave_up or not _is_abandoned(known[1]):
            return
        scan_id, folder = known
        self._gave_up.add(scan_id)
        valid = timedelta(seconds=self._loaded.fleet.answer_ttl)
        if folder.description().started + valid < due:
            LOG.warning("scan %s is older than an answer stays valid: not resumed", scan_id)
            return
        LOG.warning("scan %s was not finished: resuming it", scan_id)
        yield from self._run_scan(lambda: lifecycle.reopen(scan_id), due, resumed=True)

    def _run_scan(
        self, open_scan: Callable[[], Scan], due: datetime, *, resumed: bool
    ) -> Iterator[ScheduledScan]:
        try:
            result = self._run(open_scan())
        except Stopped:
            return
        except Halted as halted:
            LOG.warning("the scan was stopped, and can be resumed: %s", halted)
            return
        except PERMANENT:
            raise
        except (QeError, OSError) as error:
            self._log_failure(in_words(error))
            return
        except Exception as error:  # a bug that ends one scan must not end the schedule
            self._log_failure(one_line(error))
            LOG.debug("the scan failed here", exc_info=error)
            return
        finally:
            gc.collect()  # a scan's objects are in the oldest generation, which is seldom collected
        self._failed = 0
        missed = 0 if resumed else passed(due, self._clock.now(), self._every)
        self._log_result(result, due, missed)
        yield ScheduledScan(tick=due, missed=missed, resumed=resumed, result=result)

    def _log_failure(self, why: str) -> None:
        self._failed += 1
        LOG.error("SCAN FAILED, %d in a row: %s", self._failed, why)

    def _log_result(self, result: ScanResult, due: datetime, missed: int) -> None:
        """Log missed ticks and a missing quorum; remember a day whose budget is used up."""
        if missed:
            LOG.warning("the scan took %.0f s: %d ticks missed", result.seconds, missed)
        if not result.quorum:
            why = f", mostly: {result.reason}" if result.reason else ""
            LOG.warning("scan %s has NO QUORUM: %s%s", result.scan_id, result.failures, why)
        if result.refused.get("day"):
            self._over_budget_on = due.date()

    def _next_due(self) -> datetime:
        """Return the next tick, after a pause that doubles with each failure in a row."""
        now = self._clock.now()
        if not self._failed:
            return next_tick(now, self._every)
        pause = timedelta(seconds=self._every) * 2 ** min(self._failed - 1, 20)
        return next_tick(now + min(pause, LONGEST_PAUSE), self._every)

    def _within_budget(self, due: datetime) -> datetime:
        """Return `due`, or the start of the next UTC day where the day's budget is used up."""
        if self._over_budget_on != due.date():
            return due
        tomorrow = midnight_after(due)
        limit = self._loaded.fleet.budgets.day
        LOG.warning(
            "the day's %s USD are used up: no scan before %s", limit, _format_time(tomorrow)
        )
        return tomorrow

    def _last_day_over_budget(self) -> date | None:
        """Return the day of the last scan where its budget was used up, None otherwise."""
        known = store.newest(self._name)
        try:
            result = known[1].result() if known else None
        except FleetError as error:
            LOG.warning("%s", error)
            result = None
        if known is None or result is None or not result.refused.get("day"):
            return None
        return known[1].description().started.date()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        folder = state_dir.state_dir() / "fleet"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / f"{self._name}.lock", timeout=0):
                yield
        except Timeout as error:
            raise FleetError(
                "runs already, in another process.",
                where=f"fleet {self._name}",
                hint="Stop that one first, or give this one another 'name:'.",
            ) from error


def _is_abandoned(folder: ScanFolder) -> bool:
    """Return whether a scan is unfinished and not running; False, and logged, where unreadable."""
    try:
        return folder.abandoned()
    except FleetError as error:
        LOG.warning("%s", error)
        return False


def _format_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
