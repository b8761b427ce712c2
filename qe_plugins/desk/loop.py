"""The loop of a desk: look, take the step that is due, write it down, say where it stands."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec

from qe_plugins import wall_clock
from qe_plugins.desk.day_journal import DeskDayJournal
from qe_plugins.desk.market_clock import POLL, MarketClock
from qe_plugins.desk.next_step import gave_up, is_over, missed, next_step, wake_at
from qe_plugins.desk.records import (
    OPEN,
    DayPlan,
    DeskSituation,
    DeskStep,
    StepKind,
    StepResult,
    StepState,
)
from qe_plugins.desk.status_line import line_of
from qe_plugins.errors import Halted, QeError
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.halt.desk_heartbeat import DeskStatus, remove_desk, write_desk
from qe_plugins.halt.status import SeenSession, this_process
from qe_plugins.safe_text import in_words, one_line

LOG = logging.getLogger(__name__)

BEAT = 5.0
"""Seconds between two heartbeats."""

LONGEST_STEP = 1_800.0
"""Seconds after which a step that has not ended stops the heartbeats: the desk is stuck."""

type Action = Callable[[DeskStep, DeskSituation], StepResult]
"""Takes a step. Raises QeError where it failed."""


class DeskEyes(Protocol):
    """What a desk looks at besides the clock."""

    def view(self, now: datetime, plan: DayPlan) -> DeskSituation:
        """Return session, trades, and whether calls of models may be sent."""

    def session(self) -> SeenSession | None:
        """Return the session as its heartbeat says."""

    def budget(self) -> Decimal | None:
        """Return the budget of a UTC day in USD, None without one."""


class DeskLoop:
    """Runs the steps of session days, one at a time, until stopped or until the session's end."""

    def __init__(
        self,
        name: str,
        *,
        clock: MarketClock,
        eyes: DeskEyes,
        actions: Mapping[StepKind, Action],
        longest_answer: timedelta,
        stop: StopRequest,
        say: Callable[[str], None] = lambda line: None,
        note: Callable[[str], None] = lambda line: None,
        tend: Callable[[], None] = lambda: None,
    ) -> None:
        """`say` gets the status line, `note` a line about each step that has ended.

        `tend` is called at every look: it keeps the session running.
        """
        self.name, self._clock, self._eyes, self._actions = name, clock, eyes, actions
        self._longest, self._stop, self._say, self._note = longest_answer, stop, say, note
        self._tend = tend
        self._beat = _Heartbeat(name)

    def run_day(self, day: DeskDayJournal, plan: DayPlan) -> bool:
        """Run the steps of a day; return whether the day is over, False where it was stopped."""
        self._beat = _Heartbeat(self.name)
        with self._beat:
            while not self._stop.requested:
                self._tend()
                now = self._clock.now()
                view = None if now is None else self._eyes.view(now, plan)
                if view is None:
                    self._stop.wait(POLL)
                    continue
                self._show(day, plan, view)
                if is_over(plan, day.steps, view):
                    return True
                step = next_step(plan, day.steps, view)
                if step is None:
                    self._stop.wait(POLL)
                    continue
                self._take(day, step, view)
        return False

    def _take(self, day: DeskDayJournal, step: DeskStep, view: DeskSituation) -> None:
        known = day.steps.get(step.id)
        is_open = known is not None and known.state in OPEN and known.step.attempt == step.attempt
        if is_open and known and (why := gave_up(step, known, view.now, self._longest)):
            state = StepState.SKIPPED if step.kind is StepKind.HUNT else StepState.FAILED
            self._conclude(day, step, state, StepResult(text=f"not taken up again: {why}"))
            return
        day.intend(step, view.now)
        self._beat.doing(step.id)
        try:
            result = self._actions[step.kind](step, view)
        except (Stopped, Halted) as error:
            LOG.warning("%s is left for later: %s", step.id, in_words(error) or "stopped")
            return
        except QeError as error:
            result, state = StepResult(text=in_words(error)), StepState.FAILED
        except Exception as error:  # a bug in one step must not end the guarding
            LOG.error("%s failed here", step.id, exc_info=error)
            result, state = StepResult(text=one_line(error)), StepState.FAILED
        else:
            state = StepState.SKIPPED if result.skipped else StepState.DONE
            state = StepState.FAILED if result.failed else state
        finally:
            self._beat.doing("")
        self._conclude(day, step, state, result)

    def _conclude(
        self, day: DeskDayJournal, step: DeskStep, state: StepState, result: StepResult
    ) -> None:
        day.conclude(step, state, self._clock.now() or step.due, result)
        cost = f", ${result.usd:.4f}" if result.usd else ""
        self._note(f"{step.id}  {state}{cost}  {result.text}")

    def _show(self, day: DeskDayJournal, plan: DayPlan, view: DeskSituation) -> None:
        seen, after = self._eyes.session(), wake_at(plan, day.steps, view)
        line = line_of(
            self.name,
            view,
            seen,
            day,
            budget=self._eyes.budget(),
            missed=missed(plan, day.steps, view.now),
            after=after,
        )
        self._say(line)
        self._beat.status = DeskStatus(
            name=self.name,
            pid=this_process()[0],
            host=this_process()[1],
            started=self._beat.started,
            run_id=day.run_id,
            line=line,
            market_time=view.now,
            next=after,
            usd=day.spent(),
            budget=self._eyes.budget(),
        )


class _Heartbeat:
    """Writes the desk's file every few seconds on a thread of its own, while steps end.

    A context: the file is removed at its end.
    """

    def __init__(self, name: str) -> None:
        self._name, self.started = name, wall_clock.now()
        self.status: DeskStatus | None = None
        self._doing, self._since = "", time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="qe-desk", daemon=True)

    def doing(self, what: str) -> None:
        """Note the step that has begun, empty once it has ended."""
        self._doing, self._since = what, time.monotonic()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            remove_desk(self._name)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            stuck = bool(self._doing) and time.monotonic() - self._since > LONGEST_STEP
            if self.status is not None and not stuck:
                with suppress(OSError):  # a full disk is the session's business, and halts it
                    write_desk(msgspec.structs.replace(self.status, doing=self._doing))
