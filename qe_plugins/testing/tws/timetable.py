"""The gateway's clock and what is due at a time of it.

`SteppedClock` stands still until a test advances it; `SystemClock` is the machine's, so that a run
under `faketime` is as fast as the tests want it. Times are seconds since 1970, UTC.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

Task = Callable[[], None]


class GatewayClock(Protocol):
    """What the gateway asks for the time."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


class SteppedClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, start: float) -> None:
        self.time = start

    def now(self) -> float:
        return self.time


class Timetable:
    """Tasks by the time when they are due, in the order in which they were added."""

    def __init__(self, clock: GatewayClock) -> None:
        self.clock = clock
        self.added: Task = lambda: None
        self._tasks: list[tuple[float, int, Task]] = []
        self._count = itertools.count()

    def at(self, due: float, task: Task) -> None:
        """Run `task` at `due`, in seconds since 1970."""
        heapq.heappush(self._tasks, (due, next(self._count), task))
        self.added()

    def after(self, seconds: float, task: Task) -> None:
        """Run `task` in `seconds`."""
        self.at(self.clock.now() + seconds, task)

    def every(self, seconds: float, task: Task) -> None:
        """Run `task` at every multiple of `seconds`."""

        def run() -> None:
            task()
            self.at((self.clock.now() // seconds + 1) * seconds, run)

        self.at((self.clock.now() // seconds + 1) * seconds, run)

    def next_due(self) -> float | None:
        """Return when the next task is due, in seconds since 1970."""
        return self._tasks[0][0] if self._tasks else None

    def run_due(self) -> None:
        """Run every task that is due."""
        while self._tasks and self._tasks[0][0] <= self.clock.now():
            heapq.heappop(self._tasks)[2]()

    def advance(self, clock: SteppedClock, seconds: float) -> None:
        """Step `clock` from task to task until `seconds` have passed."""
        end = clock.time + seconds
        while (due := self.next_due()) is not None and due <= end:
            clock.time = max(clock.time, due)
            self.run_due()
        clock.time = end
