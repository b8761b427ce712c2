"""The conditions that halt a session by themselves: pure state, no clock and no input of its own.

Each is given what a session has read and answers whether it holds. Times are UTC nanoseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import ClassVar, Protocol

import msgspec

from qe_plugins.halt.settings import TriggerName
from qe_plugins.plugins.types import Posture

SECOND = 1_000_000_000
GIB = 2**30

type OpenTime = Callable[[str, int, int], int]
"""Returns for how many nanoseconds a root traded from one time to another (UTC nanoseconds)."""


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What a session reads at `now`; None means not known, which halts nothing.

    `day_pnl` is the P&L since the day began, open profit included, in account currency. `skew` is
    how far the clock is off, in seconds. `journal_error` is why the journal cannot be written, None
    where it can. `free_bytes` are those of the state folder's disk.
    """

    now: int
    day_pnl: Decimal | None = None
    posture: Posture | None = None
    skew: float | None = None
    journal_error: str | None = None
    free_bytes: int | None = None


class Trigger(Protocol):
    """One condition. `reading` is its last reading as text, for `qe status`."""

    name: ClassVar[TriggerName]
    reading: str

    def check(self, readings: Readings) -> str | None:
        """Return why the session must halt, None where it need not."""

    def resumed(self) -> None:
        """Note that a person ended a halt, knowing of the condition."""


class DailyLoss:
    """The day's loss reached `limit` on `readings` readings in a row.

    An unknown P&L neither counts nor starts the count again. After a resume the limit is one
    further `limit` below the loss at that time, until the loss is smaller than the first limit.
    """

    name: ClassVar[TriggerName] = "daily_loss"

    def __init__(self, limit: Decimal, readings: int, currency: str) -> None:
        self.limit, self._needed, self._currency = limit, readings, currency
        self._level, self._last, self._count = limit, Decimal(0), 0
        self.reading = "no P&L yet"

    def check(self, readings: Readings) -> str | None:
        if (pnl := readings.day_pnl) is None:
            return self._reason() if self._count >= self._needed else None
        self._last = pnl
        if pnl > -self.limit:
            self._level = self.limit
        self._count = min(self._count + 1, self._needed) if pnl <= -self._level else 0
        self.reading = f"{pnl:,.2f} {self._currency}, halts at {-self._level:,.2f}"
        return self._reason() if self._count >= self._needed else None

    def resumed(self) -> None:
        self._count = 0
        if self._last <= -self.limit:
            self._level = self.limit - self._last

    def _reason(self) -> str:
        return (
            f"the day's P&L is {self._last:,.2f} {self._currency} on {self._needed} readings, "
            f"the limit is {-self._level:,.2f}"
        )


class RejectedOrders:
    """`most` orders were rejected within `within` seconds, also where that was between readings."""

    name: ClassVar[TriggerName] = "rejected_orders"

    def __init__(self, most: int, within: float) -> None:
        self._within = int(within * SECOND)
        self._seconds = within
        self._times: deque[int] = deque(maxlen=most)
        self._most, self._why = most, ""
        self._were_within = False
        self.reading = "0 rejected"

    def rejected(self, ts: int, reason: str) -> None:
        """Count an order that was rejected at `ts`."""
        self._times.append(ts)
        self._why = reason
        full = len(self._times) == self._most
        self._were_within |= full and ts - self._times[0] < self._within

    def check(self, readings: Readings) -> str | None:
        recent = sum(ts > readings.now - self._within for ts in self._times)
        self.reading = f"{recent} rejected within {self._seconds:g} s, halts at {self._most}"
        fires, self._were_within = self._were_within or recent >= self._most, False
        if not fires:
            return None
        return f"{self._most} orders rejected within {self._seconds:g} s, the last: {self._why}"

    def resumed(self) -> None:
        self._times.clear()
        self._were_within = False


class StaleData:
    """A bar is more than `late` seconds late. Only the time in which its market is open counts.

    A market with a session's breaks, nights and holidays is closed then: `open_time` says for how
    long it traded.
    """

    name: ClassVar[TriggerName] = "stale_data"

    def __init__(self, late: float, open_time: OpenTime) -> None:
        self._late, self._open_time = int(late * SECOND), open_time
        self._bars: dict[str, tuple[str, int]] = {}
        self._last: dict[str, int] = {}
        self.reading = "no bars expected"

    def expect(self, contract: str, root: str, every: float, since: int) -> None:
        """Expect a bar of a contract `every` so many seconds, the first one after `since`."""
        self._bars[contract] = root, int(every * SECOND)
        self._last[contract] = max(since, self._last.get(contract, since))

    def expect_no_more(self, contract: str) -> None:
        """Expect no bars of a contract, such as one that was rolled out of."""
        self._bars.pop(contract, None)
        self._last.pop(contract, None)

    def bar(self, contract: str, ts: int) -> None:
        """Note that a bar of a contract closed at `ts`."""
        if contract in self._bars:
            self._last[contract] = max(ts, self._last[contract])

    def check(self, readings: Readings) -> str | None:
        worst, late = "", 0
        for contract, (root, every) in self._bars.items():
            since = self._last[contract]
            if readings.now - since <= every + self._late:
                continue  # whatever the market did, this is not late
            over = self._open_time(root, since, readings.now) - every
            if over > max(self._late, late):
                worst, late = contract, over
        self.reading = f"{worst} {late / SECOND:.0f} s late" if worst else "on time"
        if not worst:
            return None
        return (
            f"the bar of {worst} is {late / SECOND:.0f} s late, "
            f"the limit is {self._late / SECOND:g} s"
        )

    def resumed(self) -> None:
        pass


class ExpiredPosture:
    """The posture in force has expired: whatever renews it is silent."""

    name: ClassVar[TriggerName] = "expired_posture"

    def __init__(self) -> None:
        self.reading = "no posture"

    def check(self, readings: Readings) -> str | None:
        posture = readings.posture
        if posture is None or posture.valid_until is None:
            self.reading = "no posture that expires"
            return None
        left = (posture.valid_until - readings.now) / SECOND
        self.reading = f"expires in {left:.0f} s" if left > 0 else f"expired {-left:.0f} s ago"
        return None if left > 0 else f"the posture expired: {posture.reason}"

    def resumed(self) -> None:
        pass


class ClockSkew:
    """The clock is off by more than `most` seconds."""

    name: ClassVar[TriggerName] = "clock_skew"

    def __init__(self, most: float) -> None:
        self._most, self.reading = most, "not measured"

    def check(self, readings: Readings) -> str | None:
        if readings.skew is None:
            return None
        self.reading = f"{readings.skew:+.3f} s"
        if abs(readings.skew) <= self._most:
            return None
        return f"the clock is off by {readings.skew:+.3f} s, the limit is {self._most:g} s"

    def resumed(self) -> None:
        pass


class JournalNotWritable:
    """No fact can be written."""

    name: ClassVar[TriggerName] = "journal"

    def __init__(self) -> None:
        self.reading = "writable"

    def check(self, readings: Readings) -> str | None:
        error = readings.journal_error
        self.reading = "writable" if error is None else error
        return None if error is None else f"the journal cannot be written: {error}"

    def resumed(self) -> None:
        pass


class DiskLow:
    """Less than `least` GiB are free."""

    name: ClassVar[TriggerName] = "disk"

    def __init__(self, least: float) -> None:
        self._least, self.reading = least, "not measured"

    def check(self, readings: Readings) -> str | None:
        if readings.free_bytes is None:
            return None
        free = readings.free_bytes / GIB
        self.reading = f"{free:.1f} GiB free"
        if free >= self._least:
            return None
        return f"{free:.2f} GiB are free on the disk, the limit is {self._least:g} GiB"

    def resumed(self) -> None:
        pass


class HookTimeout:
    """A hook did not answer in time. It is called no more until a person resumes."""

    name: ClassVar[TriggerName] = "hook_timeout"

    def __init__(self) -> None:
        self.reading = "none"
        self._why: str | None = None

    def timed_out(self, plugin: str, hook: str, limit: float) -> None:
        """Note a hook that did not answer within `limit` seconds."""
        if self._why is None:
            self._why = f"{plugin} did not answer {hook} within {limit:g} s"

    def check(self, readings: Readings) -> str | None:
        self.reading = self._why or "none"
        return self._why

    def resumed(self) -> None:
        self._why = None
