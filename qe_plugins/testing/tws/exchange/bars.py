"""Bars of the front month in steps of 5 seconds, and any longer bar made of them.

What was before the gateway began is a random walk backwards from its first price, computed when a
client asks for it, in the hours of the exchange and the same for the same seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from qe_plugins.testing.tws.exchange.hours import GatewayHours

BASE_SECONDS = 5
BAR_SECONDS = {
    "1 secs": 5,
    "5 secs": 5,
    "10 secs": 10,
    "15 secs": 15,
    "30 secs": 30,
    "1 min": 60,
    **{f"{n} mins": 60 * n for n in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3600,
    "2 hours": 7200,
    "3 hours": 10800,
    "4 hours": 14400,
    "8 hours": 28800,
    "1 day": 86400,
}
DURATION_SECONDS = {"S": 1, "D": 86400, "W": 604800, "M": 2592000, "Y": 31536000}


class TickBar(msgspec.Struct):
    """A bar of the front month; prices in ticks, `start` in seconds since 1970."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    count: int

    def add(self, other: TickBar) -> None:
        """Extend this bar by a later one."""
        self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.count += other.count


class BarSeries:
    """The base bars, oldest first, extended at both ends."""

    def __init__(self, ticks: int, hours: GatewayHours, now: float, seed: int) -> None:
        self._hours, self._random = hours, random.Random(seed + 1)
        self._began = int(now // BASE_SECONDS) * BASE_SECONDS
        self._back: list[TickBar] = []
        self._back_ticks, self._back_start = ticks, self._began
        self._bars: list[TickBar] = []

    def trade(self, now: float, ticks: int, size: int) -> None:
        """Count a trade."""
        start = int(now // BASE_SECONDS) * BASE_SECONDS
        one = TickBar(start, ticks, ticks, ticks, ticks, size, 1)
        if self._bars and self._bars[-1].start == start:
            self._bars[-1].add(one)
        else:
            self._bars.append(one)

    def bars(self, seconds: int, first: float, last: float) -> list[TickBar]:
        """Return the bars of `seconds` whose base bars begin from `first` up to before `last`.

        The newest may not have closed; quiet times have no bars.
        """
        found: list[TickBar] = []
        for base in self._between(first, last):
            start = base.start // seconds * seconds
            if found and found[-1].start == start:
                found[-1].add(base)
            else:
                fields = (base.open, base.high, base.low, base.close, base.volume, base.count)
                found.append(TickBar(start, *fields))
        return found

    def current(self, seconds: int, now: float) -> TickBar | None:
        """Return the bar of `seconds` that `now` is in, or None if nothing traded in it."""
        found = self.bars(seconds, now // seconds * seconds, now + BASE_SECONDS)
        return found[-1] if found else None

    def _between(self, first: float, last: float) -> Iterator[TickBar]:
        while self._back_start > first:
            self._extend_back()
        if first < self._began:
            for bar in reversed(self._back):
                if first <= bar.start < last:
                    yield bar
        low = len(self._bars)
        while low and self._bars[low - 1].start >= first:
            low -= 1
        for bar in self._bars[low:]:
            if bar.start < last:
                yield bar

    def _extend_back(self) -> None:
        self._back_start -= BASE_SECONDS
        if not self._hours.is_open(self._back_start):
            return
        close = self._back_ticks
        open_ = close + round(self._random.gauss(0, 1.5))
        high = max(open_, close) + self._random.randint(0, 1)
        low = min(open_, close) - self._random.randint(0, 1)
        size = self._random.randint(2, 120)
        bar = TickBar(self._back_start, open_, high, low, close, size, size // 2 + 1)
        self._back.append(bar)
        self._back_ticks = open_


def duration_seconds(text: str) -> int:
    """Return the seconds of an IB duration such as `18000 S` or `2 D`. Raises `ValueError`."""
    number, _, unit = text.partition(" ")
    if unit not in DURATION_SECONDS:
        raise ValueError(text)
    return int(number) * DURATION_SECONDS[unit]
