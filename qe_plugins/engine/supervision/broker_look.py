"""Looks at the broker on a thread of its own, so that the trading thread never waits for it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from qe_plugins.engine.reconciliation.answers import BrokerAnswer, Known, Unknown
from qe_plugins.ib_client import (
    BrokerConnection,
    BrokerEndpoint,
    BrokerEvent,
    BrokerPosition,
    BrokerSnapshot,
    BrokerUnknown,
)

LOG = logging.getLogger(__name__)

TIMEOUT, TO_CONNECT, LONGEST = 2.0, 4.0, 12.0
"""Seconds until an answer counts as missing, and until a connection does.

Each that is missing doubles both for the next one, and one that comes allows the next one twice its
time, up to LONGEST: otherwise a gateway that is always slower would be asked again and again, and
never answer.
"""

CLOCK_EVERY = 5
"""Answers between two readings of the gateway's clock."""


class BrokerLook:
    """A connection with a client id of its own. Methods are for the trading thread, and return."""

    def __init__(self, endpoint: BrokerEndpoint) -> None:
        self._connection = BrokerConnection(endpoint, self._on_event)
        self._events: deque[BrokerEvent] = deque(maxlen=1_000)
        self._answers: deque[BrokerAnswer[BrokerSnapshot]] = deque(maxlen=10)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._is_asked = False
        self._answered = 0
        self._slower = 1.0
        self._skews: deque[float | None] = deque(maxlen=10)
        self._skew: float | None = None
        self._thread = threading.Thread(target=self._run, name="qe-broker-look", daemon=True)
        self._thread.start()

    def ask(self, now: int) -> bool:
        """Have the broker asked at `now` (UTC ns); return False where it is being asked already."""
        if self._is_asked:
            return False
        self._is_asked = True
        self._work.put(lambda: self._look(now))
        return True

    def answers(self) -> list[BrokerAnswer[BrokerSnapshot]]:
        """Return the answers since the last call, oldest first."""
        return _drained(self._answers)

    def events(self) -> list[BrokerEvent]:
        """Return what the broker said by itself since the last call, oldest first."""
        return _drained(self._events)

    def skew(self) -> float | None:
        """Return how far our clock is past the gateway's in seconds, None where it is not known.

        Of several readings since the last call the one that is furthest off is returned: a later
        one is no reason to overlook it. The gateway tells whole seconds.
        """
        read = _drained(self._skews)
        if read:
            self._skew = read[-1]
        known = [one for one in (*read, self._skew) if one is not None]
        return max(known, key=abs, default=None)

    def cancel_all(self, done: Callable[[str], object]) -> None:
        """Cancel every order of the account; `done` is called with why it failed, or with ""."""
        self._work.put(lambda: self._try(self._connection.cancel_all, done))

    def close_position(
        self, position: BrokerPosition, ref: str, done: Callable[[str], object]
    ) -> None:
        """Close a position at the market past the node; `done` as in `cancel_all`."""
        close = self._connection.market_close
        self._work.put(lambda: self._try(lambda: close(position, ref=ref), done))

    def stop(self) -> None:
        """End the connection."""
        self._work.put(None)
        self._thread.join(TO_CONNECT)
        self._connection.close()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _look(self, asked: int) -> None:
        timeout = TIMEOUT if self._connection.state == "connected" else TO_CONNECT
        began = time.monotonic()
        try:
            snapshot = self._connection.snapshot(min(timeout * self._slower, LONGEST))
            answer: BrokerAnswer[BrokerSnapshot] = Known(snapshot, asked)
        except BrokerUnknown as error:
            answer = Unknown(str(error), asked)
        except Exception as error:  # an answer that cannot be read is none
            LOG.exception("the broker's answer cannot be read")
            answer = Unknown(f"its answer cannot be read: {error!r}", asked)
        if isinstance(answer, Known):
            self._slower = max(1.0, 2 * (time.monotonic() - began) / timeout)
        else:
            self._slower = min(self._slower * 2, LONGEST)
        self._answers.append(answer)
        self._is_asked = False
        if isinstance(answer, Known) and self._answered % CLOCK_EVERY == 0:
            self._read_clock()
        self._answered += 1

    def _read_clock(self) -> None:
        from qe_plugins.engine.supervision.clock_reading import skew_of

        skew: float | None = None
        try:
            skew = skew_of(lambda: self._connection.server_time(TIMEOUT))
        except BrokerUnknown:
            pass
        except Exception:  # the thread must live on: without it no answer comes any more
            LOG.exception("the gateway's clock cannot be read")
        self._skews.append(skew)

    def _try(self, act: Callable[[], object], done: Callable[[str], object]) -> None:
        try:
            act()
            done("")
        except BrokerUnknown as error:
            done(str(error))
        except Exception as error:  # the thread must live on: without it no answer comes any more
            LOG.exception("the broker could not be sent an instruction")
            done(repr(error))

    def _on_event(self, event: BrokerEvent) -> None:
        self._events.append(event)


def _drained[T](found: deque[T]) -> list[T]:
    taken: list[T] = []
    while found:
        taken.append(found.popleft())
    return taken
