"""The eleven features across timeframes, of one contract, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import DataError
from qe_plugins.features.catalogue import TIMEFRAMES
from qe_plugins.features.frames import MINUTE, session_closes, session_edges
from qe_plugins.features.kernel import prefix
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.roll_calendar import sessions_left
from qe_plugins.market.specs import markets

if TYPE_CHECKING:
    from qe_plugins.features.feed import ListedContract

type Column = Callable[[str], np.ndarray]

LENGTHS = {"1m": 1, "5m": 5, "1h": 60, "1d": 1_380}
"""Minutes of a frame; a session trades for 23 hours."""

YEAR = 365 * 1_440 * MINUTE
STALE = 1_440 * MINUTE
"""Nanoseconds after which a price of the next contract is too old to compare with."""

LOGS = [math.log(LENGTHS[frame]) for frame in TIMEFRAMES]
WEIGHTS = [one - sum(LOGS) / 4 for one in LOGS]
WIDTH = sum(one * one for one in WEIGHTS)


class AcrossValues:
    """Values by name at each bar of a chunk. `frame` are first prices and closes of sessions."""

    def __init__(
        self, contract: ListedContract, following: ListedContract | None, names: Sequence[str]
    ) -> None:
        self._contract, self._following, self._names = contract, following, tuple(names)
        self.values: dict[str, np.ndarray] = {}
        self.frame = (np.zeros(0), np.zeros(0))
        self._stamps, self._prices = np.zeros(0, np.int64), np.zeros(0)
        self._days: dict[int, float] = {}

    def add_following(self, bars: Bars) -> None:
        """Add bars of the next contract. The last two stay: one may be of this instant."""
        self._stamps = np.concatenate([self._stamps[-2:], bars.ts_event])
        self._prices = np.concatenate([self._prices[-2:], bars.close])

    def start_chunk(self, bars: Bars, column: Column) -> None:
        """Compute every feature at the bars of a chunk."""
        for name in self._names:
            match name:
                case "carry":
                    found = self._carry(bars)
                case "overnight_gap":
                    found = self._gap(column("1d.temperature.20"))
                case "sessions_to_roll" | "session_clock" | "minutes_to_break":
                    found = self._calendar(name, bars.ts_event)
                case _:
                    found = _of_windows(name, column)
            self.values[name] = np.where(np.isfinite(found), found, np.nan)

    def _gap(self, temperature: np.ndarray) -> np.ndarray:
        opens, before = self.frame
        moved = _units(opens) - _units(before)
        bps = moved * (1e4 * prefix.FINE)
        return np.array(
            [
                one / math.exp(t / 2.0) if math.isfinite(t) else math.nan
                for one, t in zip(bps.tolist(), temperature.tolist(), strict=True)
            ]
        )

    def _carry(self, bars: Bars) -> np.ndarray:
        """Return the basis a year, from the next contract's last price before each bar."""
        stamps, prices = self._stamps, self._prices
        if self._following is None or not len(stamps):
            return np.full(len(bars), np.nan)
        at = np.searchsorted(stamps, bars.ts_event, "left") - 1
        known = (at >= 0) & (bars.ts_event - stamps[np.maximum(at, 0)] <= STALE)
        moved = (_units(prices)[np.maximum(at, 0)] - _units(bars.close)) * prefix.FINE
        years = (self._following.expires - self._contract.expires) / YEAR
        return np.where(known, moved / years, np.nan) if years > 0 else np.full(len(bars), np.nan)

    def _calendar(self, name: str, ts: np.ndarray) -> np.ndarray:
        root = self._contract.root
        if root not in markets().roots:
            return np.full(len(ts), np.nan)
        opens, closes, stops = session_edges(root)
        session = np.searchsorted(closes, ts, "left")
        if name == "minutes_to_break":
            minutes: np.ndarray = (stops[np.searchsorted(stops, ts, "left")] - ts) / MINUTE
            return np.where(ts > opens[session], minutes, np.nan)
        if name == "session_clock":
            passed = (ts - opens[session]) / (closes[session] - opens[session])
            return np.where(passed > 0, passed, np.nan)
        left = {n: self._sessions_left(n) for n in np.unique(session).tolist()}
        return np.array([left[n] for n in session.tolist()], np.float64)

    def _sessions_left(self, session: int) -> float:
        """Return in how many sessions after one the contract may be held, NaN where unknown."""
        known = self._days.get(session)
        if known is None:
            close = int(session_closes(self._contract.root)[session])
            day = datetime.fromtimestamp(close // 1_000_000_000, UTC).astimezone(CHICAGO).date()
            key = dated_key(self._contract.id.partition(".")[0], day)
            try:
                known = float(sessions_left(key, day)) if key is not None else math.nan
            except DataError:
                known = math.nan
            self._days[session] = known
        return known


def _of_windows(name: str, column: Column) -> np.ndarray:
    found: np.ndarray
    if name == "heat_1m_1h":
        found = column("1m.temperature.60") + math.log(60.0) - column("1h.temperature.60")
    elif name == "heat_5m_1d":
        longer = column("1d.temperature.60")
        found = column("5m.temperature.60") + math.log(LENGTHS["1d"] / 5) - longer
    elif name == "cascade_slope":
        parts = [column(f"{frame}.temperature.60") * w for frame, w in _weighted()]
        found = (parts[0] + parts[1] + parts[2] + parts[3]) / WIDTH - 1.0
    elif name == "entropy_gradient":
        minutes = column("1m.permutation_entropy.60")
        found = column("1h.permutation_entropy.60") - minutes
    else:
        family = name.partition("_")[0]
        signs = [np.sign(column(f"{frame}.{family}.30")) for frame in TIMEFRAMES]
        found = (signs[0] + signs[1] + signs[2] + signs[3]) / 4.0
    return found


def _weighted() -> list[tuple[str, float]]:
    return list(zip(TIMEFRAMES, WEIGHTS, strict=True))


def _units(prices: np.ndarray) -> np.ndarray:
    """Return prices in units as floats, NaN for those without a logarithm; the same bits for
    one price and for many.
    """
    distinct, back = np.unique(prices, return_inverse=True)
    counted = [
        float(prefix.units(p)) if p > 0 and math.isfinite(p) else math.nan
        for p in distinct.tolist()
    ]
    found: np.ndarray = np.array(counted, np.float64)[back]
    return found
