"""What a prompt hides so that a model cannot recognise the market: name, date, price level.

A masked window has a dozen rows: the mean close of neighbouring bars in deviations of the window,
with noise and rounded to 0.1, since prices on their tick grid give the level away. High, low and
range of a bar, and how its moves follow each other, show how coarse the tick is for the market's
noise, and with it the contract: they are left out. So is every figure in units of price or of
volatility, since a month is recognised by how far it moved. `fleet/leaks/` has the attackers that a
mask must withstand.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from qe_plugins.fleet.tasks.snapshot import PRICES, SnapshotBars
from qe_plugins.market.exchange_zone import CHICAGO

MASK = "means-of-bars-1"
"""The name of the mask, stored with recordings: answers to prompts of another mask differ."""

NOISE = 0.2
"""Standard deviation of the noise on masked prices, in deviations of the window's closes."""

ROWS = 12
"""The most rows of a masked window."""

FIFTHS = 5
OPENS_AT = 17 * 60  # minute of the day in Chicago at which a session opens
SESSION = 23 * 60  # minutes
TELLING = frozenset(
    {"volatility", "recent_volatility", "value", "gamma", "vega", "theta", "echo"}
    | {"bid", "ask", "credit", "implied", "surface", "realised", "bid_size", "ask_size"}
)
"""Facts in units of price or volatility, or that show the tick, besides those named `..._bps`."""


class Mask(msgspec.Struct, frozen=True):
    """How prompts show names, times and prices. Masked names are letters in the given order."""

    instruments: Sequence[str]
    enabled: bool = True

    def name(self, instrument: str) -> str:
        """Return the name of an instrument in a prompt."""
        if not self.enabled:
            return instrument
        return f"instrument {_letters(list(self.instruments).index(instrument))}"

    def shown(self, target: str) -> str:
        """Return a target, as `Task.target` names it, in the form for a prompt."""
        instrument = next(one for one in self.instruments if target.startswith(f"{one} "))
        return f"{self.name(instrument)}{target.removeprefix(instrument)}"

    def facts(self, facts: Mapping[str, float]) -> dict[str, float]:
        """Return the facts for a prompt: masked, those without a unit, to one digit."""
        if not self.enabled:
            return dict(facts)
        return {
            name: round(value, 1)
            for name, value in facts.items()
            if name not in TELLING and not name.endswith("_bps")
        }

    def table(self, bars: SnapshotBars) -> str:
        """Return a window as lines: time, open, high, low, close, volume of each bar.

        Masked: of neighbouring bars, how many bars before the last they end, mean price, volume.
        """
        if self.enabled:
            rows = hidden_rows(bars)
            ends = range(1 - len(bars) + (len(bars) - 1) % group_size(len(bars)), 1)
            return _text(_MASKED, ends[:: group_size(len(bars))], *rows.T.tolist())
        prices = (getattr(bars, name).tolist() for name in PRICES)
        return _text(_PLAIN, _minutes(bars.ts.tolist()), *prices, bars.volume.tolist())

    def time_of_day(self, ends: int) -> str:
        """Return a line on the time of day, empty where times are shown; `ends` is UTC ns."""
        return f"third of the session: {third_of_session(ends)}\n" if self.enabled else ""


def group_size(count: int) -> int:
    """Return how many neighbouring bars are one row of a masked window of `count` bars."""
    return math.ceil(count / ROWS)


def hidden_rows(bars: SnapshotBars) -> np.ndarray:
    """Return a row per group of bars: masked mean close, and volume as a fifth of the rows, 1 to 5.

    The noise follows from the bars themselves, so that the same window is the same prompt. The
    oldest row has what is left over.
    """
    logs = np.log(bars.close / bars.open[0])
    moved = (logs - logs.mean()) / (logs.std() or 1.0)
    size = group_size(len(bars))
    starts = np.arange(len(bars) % size or size, len(bars), size)
    starts = np.concatenate([[0], starts])
    counts = np.diff(np.append(starts, len(bars)))
    noise = np.random.default_rng(zlib.crc32(logs.tobytes()))
    prices = np.add.reduceat(moved, starts) / counts + noise.normal(0.0, NOISE, len(starts))
    volumes = np.add.reduceat(bars.volume, starts) / counts + noise.random(len(starts)) * 1e-6
    fifths = FIFTHS * volumes.argsort().argsort() // len(starts) + 1
    hidden: np.ndarray = np.column_stack([prices.round(1) + 0.0, fifths])  # no negative zero
    return hidden


def third_of_session(ends: int) -> int:
    """Return which third of a session of 23 hours from 17:00 Chicago a moment (UTC ns) is in."""
    local = datetime.fromtimestamp(ends // 1_000_000_000 - 1, CHICAGO)
    since = (local.hour * 60 + local.minute - OPENS_AT) % (24 * 60)
    return min(3 * since // SESSION, 2) + 1


_PLAIN = "%s %.3f %.3f %.3f %.3f %.2f\n"
_MASKED = "%s %.1f %d\n"


def _text(row: str, *columns: Sequence[object]) -> str:
    count = len(columns[0])
    flat = tuple(value for each in zip(*columns, strict=True) for value in each)
    return ((row * count) % flat)[:-1]


def _minutes(closes: Sequence[int]) -> list[str]:
    return [
        datetime.fromtimestamp(ts // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M") for ts in closes
    ]


def _letters(number: int) -> str:
    """Return A, B, ... Z, AA, AB, ... for 0, 1, ..."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
