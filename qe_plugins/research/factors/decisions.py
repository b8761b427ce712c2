"""Decisions of a history and their labels: when a position may change, and what follows.

A decision is made at the close of a bar of the front contract. The front of a session is the
contract with the largest volume in the session before, and never an earlier one than yesterday's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import DataError
from qe_plugins.features.feed import ListedContract
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import next_session, sessions
from qe_plugins.research.factors.settings import Decisions, Label

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
LATE = 5 * MINUTE
"""A next bar, or a last bar of a label, that is further away than this is no price for it."""

DAY = 86_400.0
DEVIATION_BARS = 240
CLIP = 5.0
REGULAR = "08:30-15:00"


class DecisionRows(msgspec.Struct, frozen=True):
    """Decisions of one root in time order; arrays have an entry a decision.

    `ts` is in UTC nanoseconds; `session` and `label_session` are the trading days of the decision
    and of the last price of its label (datetime64[D]); `contract` is the front's id, `label` the
    return that follows, clipped at 5 deviations, and `deviation` the price change in points that
    is one deviation over the horizon. `volume` is that of the next bar, in contracts.
    """

    root: str
    ts: np.ndarray
    session: np.ndarray
    contract: np.ndarray
    label: np.ndarray
    label_session: np.ndarray
    deviation: np.ndarray
    without_label: int
    volume: np.ndarray = msgspec.field(default_factory=lambda: np.zeros(1))


class SessionEdges:
    """The trading sessions of a root between two moments (UTC ns)."""

    def __init__(self, root: str, first: int, last: int) -> None:
        begins, ends = (datetime.fromtimestamp(ts // SECOND, UTC).date() for ts in (first, last))
        found = sessions(root, begins - timedelta(days=3), ends + timedelta(days=3))
        self.dates = np.array([one.date for one in found], dtype="datetime64[D]")
        self.closes = np.array([int(one.close.timestamp()) * SECOND for one in found])

    def of(self, ts: np.ndarray) -> np.ndarray:
        """Return the number of the session in which each bar closes; a close belongs to its own."""
        return np.searchsorted(self.closes, ts, side="left")


def decide(
    root: str,
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    decisions: Decisions,
    label: Label,
) -> DecisionRows:
    """Return the decisions of a root with their labels. Raises DataError where there are none.

    Decisions whose label has no price, because the data ends or the market closes, are left out and
    counted in `without_label`.
    """
    listed = sorted(
        (one for one in contracts if one.root == root and len(bars.get(one.id, ()))),
        key=lambda one: (one.expires, one.id),
    )
    if not listed:
        raise DataError("the data has no bars of it.", where=root)
    stamps = [bars[one.id].ts_event for one in listed]
    edges = SessionEdges(root, min(int(s[0]) for s in stamps), max(int(s[-1]) for s in stamps))
    fronts = _fronts(listed, bars, edges)
    parts = [
        _of_contract(bars[one.id], edges, fronts == number, decisions, label)
        for number, one in enumerate(listed)
    ]
    joined = [np.concatenate([part[k] for part in parts]) for k in range(6)]
    names = np.concatenate(
        [np.full(len(part[0]), one.id) for part, one in zip(parts, listed, strict=True)]
    )
    ts, session, label_value, end, deviation, volume = joined
    known = np.isfinite(label_value)
    if not known.any():
        raise DataError(
            "no decision has a label.",
            where=root,
            hint="Take a longer history, a shorter horizon, or other hours.",
        )
    order = np.argsort(ts[known], kind="stable")
    return DecisionRows(
        root=root,
        ts=ts[known][order],
        session=edges.dates[session[known][order]],
        contract=names[known][order],
        label=label_value[known][order],
        label_session=edges.dates[edges.of(end[known][order])],
        deviation=deviation[known][order],
        without_label=int((~known).sum()),
        volume=volume[known][order],
    )


def _fronts(
    listed: Sequence[ListedContract], bars: Mapping[str, Bars], edges: SessionEdges
) -> np.ndarray:
    """Return the number of the front contract by session; -1 before there is a volume."""
    volumes = np.zeros((len(edges.dates) + 1, len(listed)))
    for number, one in enumerate(listed):
        np.add.at(volumes[:, number], edges.of(bars[one.id].ts_event), bars[one.id].volume)
    fronts = np.full(len(edges.dates) + 1, -1)
    front = -1
    for session in range(1, len(fronts)):
        before = volumes[session - 1]
        if before.any():
            front = max(front, int(np.argmax(before)))
        fronts[session] = front
    return fronts


def _of_contract(
    bars: Bars, edges: SessionEdges, is_front: np.ndarray, decisions: Decisions, label: Label
) -> tuple[np.ndarray, ...]:
    """Return ts, session number, label, its end, deviation and volume of a contract's decisions."""
    ts = bars.ts_event
    session = edges.of(ts)
    at = np.flatnonzero(
        is_front[session]
        & (ts % int(decisions.every * SECOND) == 0)
        & _within(ts, decisions.session)
    )
    logs = np.log(np.where(bars.close > 0, bars.close, np.nan))
    deviation = _deviations(logs)[at] * np.sqrt(label.horizon / 60)
    entry = at + 1
    inside = entry < len(ts)
    entry = np.minimum(entry, len(ts) - 1)
    horizon = int(label.horizon * SECOND)
    leave = np.searchsorted(ts, ts[entry] + horizon, side="right") - 1
    priced = (
        inside
        & (ts[entry] - ts[at] <= LATE)
        & (ts[leave] >= ts[entry] + horizon - LATE)
        & (leave > entry)
        & (ts[entry] + horizon <= ts[-1])  # where the data ends, no later bar could be missing
    )
    change = np.where(priced, logs[leave] - logs[entry], np.nan)
    unit = deviation if label.unit == "volatility" else np.ones(len(at))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(deviation > 0, change / unit, np.nan)
    if label.unit == "volatility":
        value = np.clip(value, -CLIP, CLIP)
    points = deviation * bars.close[at]
    return ts[at], session[at], value, ts[leave], points, bars.volume[entry]


def _deviations(logs: np.ndarray) -> np.ndarray:
    """Return the root mean square of the last 240 one-bar returns; NaN before there are so many."""
    returns = np.diff(logs, prepend=logs[:1])
    sums = np.cumsum(np.nan_to_num(returns) ** 2)
    found = np.full(len(logs), np.nan)
    found[DEVIATION_BARS:] = np.sqrt(
        np.maximum(sums[DEVIATION_BARS:] - sums[:-DEVIATION_BARS], 0) / DEVIATION_BARS
    )
    return found


def is_decision(ts: int, every: float, session: str) -> bool:
    """Say whether a position may change at the close of a bar (UTC ns)."""
    return ts % int(every * SECOND) == 0 and bool(_within(np.array([ts]), session)[0])


def ends_in_session(root: str, ts: int, horizon: float) -> bool:
    """Say whether a horizon (s) from an entry at `ts` (UTC ns) ends while the market is open.

    A horizon of a day or more ends in another session, and does.
    """
    if horizon >= DAY:
        return True
    stop = next_session(root, ts).next_stop(ts)
    return ts + int(horizon * SECOND) <= int(stop.timestamp()) * SECOND


def _within(ts: np.ndarray, hours: str) -> np.ndarray:
    """Say which moments lie in hours of a day in Chicago, their end excluded."""
    if hours == "all":
        return np.ones(len(ts), dtype=bool)
    first, last = (_minutes(text) for text in (REGULAR if hours == "rth" else hours).split("-"))
    seconds = ts // SECOND
    days = np.unique(seconds // 86_400)
    offset_of = {int(day): _offset(int(day)) for day in days}
    offsets = np.array([offset_of[int(day)] for day in days])
    local = seconds + offsets[np.searchsorted(days, seconds // 86_400)]
    minute = local % 86_400 // 60
    if first <= last:
        return np.asarray((minute >= first) & (minute < last))
    return np.asarray((minute >= first) | (minute < last))


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _offset(day: int) -> int:
    """Return Chicago's offset from UTC at noon of a day since 1970 (s); it changes on Sundays."""
    noon = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time(), UTC)
    offset = (noon + timedelta(hours=12)).astimezone(CHICAGO).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
