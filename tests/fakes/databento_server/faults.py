"""Faults that the fake vendor injects into chosen requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to `times` requests of `endpoint`, after `after` of them went well.

    Exactly one of: `status` answers with it; `cut` drops the line in the middle of the stream;
    `trim` sends 99% of the bytes and ends as if that were all; `short` leaves out the last record
    of a whole stream; `stall` stops in the middle of the stream until it is released.
    """

    endpoint: str
    status: int | None = None
    body: bytes = b'{"detail": "injected"}'
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    trim: bool = False
    short: bool = False
    stall: Stall | None = None
    times: int = 1
    after: int = 0


@dataclass
class Stall:
    """A pause in the middle of `streams` streams: wait until all `reached`, then `release`."""

    streams: int = 1
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self) -> None:
        """Stop here until released; at most half a minute, so that no test can hang."""
        with self._lock:
            self.streams -= 1
            if self.streams <= 0:
                self.reached.set()
        self.released.wait(30)

    def release(self) -> None:
        self.released.set()


@dataclass
class Faults:
    """The faults that still wait for their request."""

    waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self.waiting.append(fault)
        return fault

    def meet(self, endpoint: str) -> Fault | None:
        """Return the fault that this request of `endpoint` meets, if any."""
        with self._lock:
            for fault in self.waiting:
                if fault.endpoint == endpoint and fault.times > 0:
                    return _one_less(fault)
        return None


def _one_less(fault: Fault) -> Fault | None:
    if fault.after > 0:
        fault.after -= 1
        return None
    fault.times -= 1
    return fault
