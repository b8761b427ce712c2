"""One fleet around the clock: a scan at each tick of its schedule, one at a time.

A tick that passes while a scan runs is missed, not queued. What was begun and not finished is
finished first. When the day's money is used up, the next scan waits for the next day of UTC. A scan
that fails for a passing reason is tried again, later each time.
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
from qe_plugins.errors import ConfigError, FleetError, ModelError, QeError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.scan.store import ScanFolder
from qe_plugins.fleet.schedule.clock import Clock, WallClock, midnight_after, next_tick, passed
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.safe_text import in_words, one_line

LOG = logging.getLogger(__name__)
LONGEST_PAUSE = timedelta(hours=1)
LASTING = (ConfigError, ModelError)
"""What does not pass by itself: a file that is wrong, a key that is missing, a model retired."""

type Run = Callable[[Scan], ScanResult]
"""Runs a scan to its end; raises Stopped where that was wished for."""


class ScheduledScan(msgspec.Struct, frozen=True, kw_only=True):
    """One scan of a shift. `tick` is when it was due, `missed` how many ticks passed while it ran.

    A `resumed` one had been begun before; it was due at once.
    """

    tick: datetime
    missed: int
    resumed: bool
    result: ScanResult


class Scheduler:
    """Scans of one fleet by its schedule, until it is told to stop."""

    def __init__(
        self, loaded: LoadedFleet, run: Run, stop: StopRequest, *, clock: Clock | None = None
    ) -> None:
        self._loaded, self._run, self._stop = loaded, run, stop
        self._name, self._every = loaded.fleet.name, loaded.fleet.schedule.every
        self._clock = clock or WallClock()
        self._failed = 0
        self._hopeless: set[str] = set()
        self._broke: date | None = None

    def rounds(self, times: int | None = None, *, at_once: bool = False) -> Iterator[ScheduledScan]:
        """Yield what came of each scan, of so many ticks or of all that come.

        With `at_once` the first one does not wait for its tick. Raises FleetError where a shift of
        this fleet runs already, ConfigError and ModelError where trying again would not help.
        """
        with self._alone():
            self._broke = self._out_of_money()
            due = self._clock.now()
            yield from self._caught_up(due)
            due = due if at_once else next_tick(due, self._every)
            while not self._stop.requested and (times is None or times > 0):
                due = self._when_there_is_money(due)
                if due > self._clock.now():
                    LOG.info("next scan at %s", _said(due))
                if not self._clock.wait(due, self._stop):
                    break
                for made in chain(self._caught_up(due), self._scanned(due)):
                    times = times - 1 if times is not None and not made.resumed else times
                    yield made
                due = self._next()
        if self._stop.requested:
            LOG.info("stopped")

    def _scanned(self, due: datetime) -> Iterator[ScheduledScan]:
        """Yield the round of a new scan, or nothing where it failed or was stopped."""
        if not self._stop.requested:
            yield from self._tried(lambda: lifecycle.begin(self._loaded), due, resumed=False)

    def _caught_up(self, due: datetime) -> Iterator[ScheduledScan]:
        """Yield the round of a scan that was begun and not finished; it gets one more chance.

        One left for longer than an answer is valid is about a market that is gone.
        """
        known = store.newest(self._name)
        if known is None or known[0] in self._hopeless or not _was_left(known[1]):
            return
        scan_id, folder = known
        self._hopeless.add(scan_id)
        valid = timedelta(seconds=self._loaded.fleet.answer_ttl)
        if folder.description().started + valid < due:
            LOG.warning("scan %s was left for longer than an answer is valid: not resumed", scan_id)
            return
        LOG.warning("scan %s was not finished: resuming it", scan_id)
        yield from self._tried(lambda: lifecycle.reopen(scan_id), due, resumed=True)

    def _tried(
        self, opened: Callable[[], Scan], due: datetime, *, resumed: bool
    ) -> Iterator[ScheduledScan]:
        try:
            result = self._run(opened())
        except Stopped:
            return
        except LASTING:
            raise
        except (QeError, OSError) as error:
            self._fail(in_words(error))
            return
        except Exception as error:  # a fault of ours in one scan is no reason to make no other
            self._fail(one_line(error))
            LOG.debug("the scan failed here", exc_info=error)
            return
        finally:
            gc.collect()  # what a scan leaves lies where the collector seldom looks
        self._failed = 0
        missed = 0 if resumed else passed(due, self._clock.now(), self._every)
        self._judge(result, due, missed)
        yield ScheduledScan(tick=due, missed=missed, resumed=resumed, result=result)

    def _fail(self, why: str) -> None:
        self._failed += 1
        LOG.error("SCAN FAILED, %d in a row: %s", self._failed, why)

    def _judge(self, result: ScanResult, due: datetime, missed: int) -> None:
        """Say what a person should know of a scan, and whether its day has money left."""
        if missed:
            LOG.warning("the scan took %.0f s: %d ticks missed", result.seconds, missed)
        if not result.quorum:
            why = f", mostly: {result.reason}" if result.reason else ""
            LOG.warning("scan %s has NO QUORUM: %s%s", result.scan_id, result.failures, why)
        if result.refused.get("day"):
            self._broke = due.date()

    def _next(self) -> datetime:
        """Return the next tick, after a pause where scans have failed."""
        now = self._clock.now()
        if not self._failed:
            return next_tick(now, self._every)
        pause = timedelta(seconds=self._every) * 2 ** min(self._failed - 1, 20)
        return next_tick(now + min(pause, LONGEST_PAUSE), self._every)

    def _when_there_is_money(self, due: datetime) -> datetime:
        if self._broke != due.date():
            return due
        tomorrow = midnight_after(due)
        limit = self._loaded.fleet.budgets.day
        LOG.warning("the day's %s USD are used up: no scan before %s", limit, _said(tomorrow))
        return tomorrow

    def _out_of_money(self) -> date | None:
        """Return the day that the last scan found without money."""
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
    def _alone(self) -> Iterator[None]:
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


def _was_left(folder: ScanFolder) -> bool:
    """Return whether a scan is to be finished; one that cannot be read stands in nobody's way."""
    try:
        return folder.was_left()
    except FleetError as error:
        LOG.warning("%s", error)
        return False


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
