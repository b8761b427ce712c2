"""A thesis: a rule over bars with a stop and a horizon, and what its trades earned in R.

A trade enters at the open of the bar after its signal and leaves at its stop, or at the close of
the last bar of its horizon. One R is the distance to the stop.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.schema import Section
from qe_plugins.config.yaml_reader import read
from qe_plugins.errors import FeatureError
from qe_plugins.fleet.settings import Timeframe
from qe_plugins.fleet.tasks.snapshot import SnapshotBars

type SignalRule = Callable[[SnapshotBars], np.ndarray]
"""Returns for every bar 1 for long, -1 for short, 0 for nothing; by what was known at its close."""

NOISE_BARS = 60


class Claims(Section, frozen=True, kw_only=True):
    """What its author says of it: the number of trades and their mean in R, net of costs."""

    trades: Annotated[int, Meta(ge=1)]
    mean_r: float


class Thesis(Section, frozen=True, kw_only=True):
    """A thesis as a file has it.

    `entry` is a condition over features, as a plugin's `trigger`, each named with `timeframe`.
    `stop` is in mean true ranges of 60 bars, `horizon` in bars; `cost` is points for a round trip,
    None for a tick a side and the fees.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
    statement: Annotated[str, Meta(min_length=10, max_length=1_000)]
    instrument: str
    timeframe: Timeframe = "1m"
    side: Literal["long", "short"]
    entry: str
    stop: Annotated[float, Meta(gt=0)]
    horizon: Annotated[int, Meta(ge=1, le=2_000)]
    cost: Annotated[float, Meta(ge=0)] | None = None
    claims: Claims | None = None

    def rule(self) -> SignalRule:
        """Return the signals of `entry`. Raises FeatureError where it cannot be read."""
        from qe_plugins.features.catalogue import entry_of
        from qe_plugins.features.series import compute
        from qe_plugins.features.trigger import FeatureTrigger

        trigger = FeatureTrigger(self.entry, f"thesis {self.name}")
        prefix = f"{self.timeframe}."
        if foreign := [one for one in trigger.names if not one.startswith(prefix)]:
            message = f"'{foreign[0]}' is not a feature of {self.timeframe} bars."
            raise FeatureError(message, where=f"thesis {self.name}, entry")
        for one in trigger.names:
            entry_of(one)
        names = [one.removeprefix(prefix) for one in trigger.names]
        sign = 1 if self.side == "long" else -1

        def signals(bars: SnapshotBars) -> np.ndarray:
            columns = {one: getattr(bars, one) for one in NUMBERS}
            closed = Bars("thesis", {"ts_event": bars.ts, "ts_init": bars.ts, **columns})
            values = compute(closed, names, closed.bar_type)
            found = dict(zip(trigger.names, values.T, strict=True))
            return np.where(trigger.holds(found), sign, 0)

        return signals


def load_thesis(file: Path) -> Thesis:
    """Return the thesis of a file. Raises ConfigError with file and line."""
    loaded: Thesis = Decoder("USD").decode(Thesis, read(file))
    return loaded


class TradeTable(msgspec.Struct, frozen=True):
    """What entering at each bar would earn, in R before costs, and one R there in points.

    Rows are bars at whose close a signal is known; NaN where the horizon has no end in the data.
    """

    long: np.ndarray
    short: np.ndarray
    risk: np.ndarray

    def r(self, at: np.ndarray, sides: np.ndarray, cost: float) -> np.ndarray:
        """Return the R of trades at some bars, net of `cost` points."""
        gross = np.where(sides > 0, self.long[at], self.short[at])
        net: np.ndarray = gross - cost / self.risk[at]
        return net


def trade_table(bars: SnapshotBars, stop: float, horizon: int, delay: int = 0) -> TradeTable:
    """Return the outcome of a trade from every bar, entered `delay` bars later than the next."""
    risk = stop * _mean_true_range(bars)
    long = _outcomes(bars.open, bars.low, bars.close, risk, horizon, delay)
    short = _outcomes(-bars.open, -bars.high, -bars.close, risk, horizon, delay)
    return TradeTable(long, short, risk)


def entries(signals: np.ndarray, table: TradeTable, horizon: int) -> np.ndarray:
    """Return the bars of trades: a signal with an outcome, while no earlier trade is open."""
    known = np.isfinite(table.long) & np.isfinite(table.risk) & (table.risk > 0)
    wanted = np.flatnonzero((signals != 0) & known)
    taken, free = [], -1
    for at in wanted.tolist():
        if at > free:
            taken.append(at)
            free = at + horizon
    return np.array(taken, np.int64)


def _outcomes(
    opened: np.ndarray,
    adverse: np.ndarray,
    close: np.ndarray,
    risk: np.ndarray,
    horizon: int,
    delay: int,
) -> np.ndarray:
    """Return the R of a long trade from every bar; `adverse` are the lows."""
    count = len(close)
    first = np.arange(count) + 1 + delay
    found = np.full(count, np.nan)
    valid = first + horizon - 1 < count
    start = first[valid]
    entry, r = opened[start], risk[valid]
    level = entry - r
    result = (close[start + horizon - 1] - entry) / np.where(r > 0, r, np.nan)
    stopped = np.zeros(len(start), bool)
    for step in range(horizon):
        hit = ~stopped & (adverse[start + step] <= level)
        if hit.any():
            fill = np.minimum(level[hit], opened[start[hit] + step])  # a gap fills at the open
            result[hit] = (fill - entry[hit]) / r[hit]
            stopped |= hit
    found[valid] = result
    return found


def _mean_true_range(bars: SnapshotBars) -> np.ndarray:
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    ranges = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    sums = np.cumsum(np.concatenate([[0.0], ranges]))
    means = np.full(len(ranges), np.nan)
    means[NOISE_BARS - 1 :] = (sums[NOISE_BARS:] - sums[:-NOISE_BARS]) / NOISE_BARS
    return means
