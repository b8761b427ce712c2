"""Where prices come from: a seeded random walk, a script, or a file of recorded bars.

A feed gives the price of the front month at a time; `Market` adds what a gateway shows beside it:
bid and ask, sizes, a basis for each later expiry, and bars. Prices are counted in ticks.
"""

from __future__ import annotations

import bisect
import csv
import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from qe_plugins.errors import PluginError
from qe_plugins.testing.tws.exchange.bars import BarSeries
from qe_plugins.testing.tws.exchange.futures import TICK, ListedFuture
from qe_plugins.testing.tws.exchange.hours import GatewayHours

BASIS = 128
"""Ticks from one expiry to the next."""

TICK_SECONDS = 0.25


class PriceFeed(Protocol):
    """The price of the front month over time."""

    def step(self, now: float, ticks: int) -> int:
        """Return the price in ticks at `now`; it was `ticks` at the step before."""
        ...


class RandomWalk:
    """A random walk, the same for the same seed: `sigma` ticks a step, pulled to its start."""

    def __init__(self, seed: int = 7, sigma: float = 0.8) -> None:
        self._random, self._sigma = random.Random(seed), sigma
        self._start: int | None = None

    def step(self, now: float, ticks: int) -> int:
        if self._start is None:
            self._start = ticks
        pull = (self._start - ticks) / 4000
        return ticks + round(self._random.gauss(pull, self._sigma))


class StillPrice:
    """A price that only a test moves."""

    def step(self, now: float, ticks: int) -> int:
        return ticks


class ScriptedPrices:
    """Prices at given times: `(seconds since 1970, price)`, each valid until the next."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._times = [time for time, _ in points]
        self._ticks = [to_ticks(price) for _, price in points]

    def step(self, now: float, ticks: int) -> int:
        at = bisect.bisect_right(self._times, now) - 1
        return self._ticks[at] if at >= 0 else ticks


class RecordedBars(ScriptedPrices):
    """A CSV file with the columns time, open, high, low, close; `time` is the bar's open in UTC.

    A bar is played as open, low, high, close, or open, high, low, close if it fell, in equal
    parts. With `start` the file begins at that time. Raises `PluginError` if it cannot be read.
    """

    def __init__(self, path: Path, *, start: float | None = None, seconds: float = 60) -> None:
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [_row(row) for row in csv.DictReader(file)]
        except (OSError, KeyError, ValueError) as error:
            message = f"{path}: needs columns time, open, high, low, close: {error!r}"
            raise PluginError(message) from error
        if not rows:
            raise PluginError(f"{path}: has no bars")
        delay = 0.0 if start is None else start - rows[0][0]
        points: list[tuple[float, float]] = []
        for time, opened, high, low, closed in rows:
            inner = (low, high) if closed >= opened else (high, low)
            quarter = seconds / 4
            for part, price in enumerate((opened, *inner, closed)):
                points.append((time + delay + part * quarter, price))
        super().__init__(points)


class GatewayQuote(msgspec.Struct, frozen=True):
    """The top of the book of one contract; prices in points."""

    bid: float
    ask: float
    last: float
    bid_size: int = 12
    ask_size: int = 9
    last_size: int = 1


class Market:
    """The prices of all contracts, and their bars."""

    def __init__(
        self,
        futures: Sequence[ListedFuture],
        hours: GatewayHours,
        feed: PriceFeed,
        *,
        now: float,
        start: float = 6500.0,
        seed: int = 7,
    ) -> None:
        self.hours, self.feed = hours, feed
        self.ticks = to_ticks(start)
        self.spread = 1
        self.frozen = False
        self.volume = 0
        self._random = random.Random(seed)
        expiries = sorted({one.expiry for one in futures})
        self._basis = {one.con_id: BASIS * expiries.index(one.expiry) for one in futures}
        self.series = BarSeries(self.ticks, hours, now, seed)

    def step(self, now: float) -> bool:
        """Take the feed's next price. Return whether there is something to publish."""
        if self.frozen or not self.hours.is_open(now):
            return False
        self.ticks = self.feed.step(now, self.ticks)
        self._trade(now)
        return True

    def move(self, price: float, now: float) -> None:
        """Trade at `price` now; a random walk goes on from there."""
        self.ticks = to_ticks(price)
        self._trade(now)

    def restart_at(self, ticks: int) -> None:
        """Continue from a price in ticks, as after a restart of the gateway."""
        self.ticks = ticks

    def quote(self, future: ListedFuture) -> GatewayQuote:
        """Return the top of the book of `future`."""
        ticks = self.ticks + self._basis[future.con_id]
        bid = ticks - self.spread // 2
        return GatewayQuote(to_price(bid), to_price(bid + self.spread), to_price(ticks))

    def basis(self, future: ListedFuture) -> float:
        """Return what `future` costs above the front month, in points."""
        return to_price(self._basis[future.con_id])

    def _trade(self, now: float) -> None:
        size = self._random.randint(1, 12)
        self.volume += size
        self.series.trade(now, self.ticks, size)


def to_ticks(price: float) -> int:
    """Return a price in points as a number of ticks, rounded to the nearest."""
    return round(price / TICK)


def to_price(ticks: int) -> float:
    """Return a number of ticks as a price in points."""
    return ticks * TICK


def is_on_tick(price: float) -> bool:
    """Return whether `price` is a multiple of the tick."""
    return abs(price / TICK - round(price / TICK)) < 1e-6


def _row(row: dict[str, str]) -> tuple[float, float, float, float, float]:
    time = datetime.fromisoformat(row["time"]).timestamp()
    return time, float(row["open"]), float(row["high"]), float(row["low"]), float(row["close"])
