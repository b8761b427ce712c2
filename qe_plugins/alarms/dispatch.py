"""Sends alarms on a thread a channel: one that is slow or fails keeps none of the others."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from qe_plugins.alarms.channels import AlarmChannel, ChannelFailed
from qe_plugins.alarms.incidents import IncidentAlarm

LOG = logging.getLogger(__name__)

WAITS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before an alarm that did not go out is tried again; the last one repeats."""

MOST_WAITING = 1_000
"""Alarms that one channel keeps; beyond, the oldest is dropped and counts as given up."""


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel is: alarms sent, waiting and given up, and why the last attempt failed."""

    name: str
    sent: int
    waiting: int
    given_up: int
    problem: str | None


type Complaint = Callable[[str, str], object]
"""Called with a channel's name and why it fails, once a failure, on the channel's thread."""


class AlarmDispatch:
    """The channels, each with its thread. A failure is a complaint, and is tried again."""

    def __init__(
        self,
        channels: Sequence[AlarmChannel],
        *,
        retry_for: float,
        complain: Complaint = lambda name, why: None,
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._queues = [_ChannelQueue(one, retry_for, complain, waits) for one in channels]

    def send(self, alarm: IncidentAlarm) -> None:
        """Have an alarm sent through every channel. Returns at once."""
        for queue in self._queues:
            queue.put(alarm)

    def states(self) -> list[ChannelState]:
        """Return how each channel is."""
        return [queue.state() for queue in self._queues]

    def drain(self, seconds: float) -> bool:
        """Wait until nothing waits; return whether that is so after so many seconds."""
        end = time.monotonic() + seconds
        return all(queue.idle.wait(max(end - time.monotonic(), 0)) for queue in self._queues)

    def close(self, seconds: float = 5.0) -> list[ChannelState]:
        """End the threads, and return the channels that still had alarms to send."""
        self.drain(seconds)
        for queue in self._queues:
            queue.stop()
        return [state for state in self.states() if state.waiting]


class _ChannelQueue:
    """The alarms of one channel, in order."""

    def __init__(
        self, channel: AlarmChannel, retry_for: float, complain: Complaint, waits: Sequence[float]
    ) -> None:
        self._channel, self._retry_for, self._complain = channel, retry_for, complain
        self._waits = waits
        self._alarms: deque[tuple[float, IncidentAlarm]] = deque()
        self._changed = threading.Condition()
        self._sent = self._given_up = 0
        self._problem: str | None = None
        self._stopped = False
        self.idle = threading.Event()
        self.idle.set()
        threading.Thread(target=self._run, name=f"qe-alarm-{channel.name}", daemon=True).start()

    def put(self, alarm: IncidentAlarm) -> None:
        with self._changed:
            if len(self._alarms) >= MOST_WAITING:
                self._alarms.popleft()
                self._given_up += 1
            self._alarms.append((time.monotonic(), alarm))
            self.idle.clear()
            self._changed.notify()

    def state(self) -> ChannelState:
        with self._changed:
            return ChannelState(
                name=self._channel.name,
                sent=self._sent,
                waiting=len(self._alarms),
                given_up=self._given_up,
                problem=self._problem,
            )

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        attempts = 0
        while (waiting := self._next()) is not None:
            since, alarm = waiting
            problem = self._try(alarm)
            attempts = attempts + 1 if problem else 0
            with self._changed:
                over = time.monotonic() - since > self._retry_for
                self._sent += problem is None
                self._given_up += bool(problem) and over
                new, self._problem = problem is not None and problem != self._problem, problem
                if problem is None or over:
                    self._done(alarm)
            if new and problem is not None:
                self._say(problem)
            if problem is not None:
                self._pause(self._waits[min(attempts, len(self._waits)) - 1])

    def _next(self) -> tuple[float, IncidentAlarm] | None:
        with self._changed:
            while not self._alarms and not self._stopped:
                self._changed.wait()
            return None if self._stopped else self._alarms[0]

    def _done(self, alarm: IncidentAlarm) -> None:
        if self._alarms and self._alarms[0][1] is alarm:
            self._alarms.popleft()
        if not self._alarms:
            self.idle.set()

    def _try(self, alarm: IncidentAlarm) -> str | None:
        try:
            self._channel.send(alarm)
        except ChannelFailed as error:
            return str(error)
        except Exception as error:  # a bug in one channel must not silence it
            LOG.exception("alarm channel %s", self._channel.name)
            return type(error).__name__
        return None

    def _say(self, problem: str) -> None:
        LOG.error("alarms do not go out by %s: %s", self._channel.name, problem)
        self._complain(self._channel.name, problem)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._changed:
            while not self._stopped and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
