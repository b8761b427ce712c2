"""What a book earns by arithmetic alone: positions and P&L of its forecasts, without an engine.

It has the prices of a run and its roll points, and nothing of the engine that trades them: a
backtest that earns something else has a difference to explain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.names import Wanted
from qe_plugins.plugins.types import Family
from qe_plugins.research.factors.book import FactorBook
from qe_plugins.research.factors.decisions import LATE, SECOND, ends_in_session, is_decision
from qe_plugins.research.factors.sizing import VOLATILITY, Sizing

BASE = "1m"


class PositionChange(msgspec.Struct, frozen=True):
    """Contracts bought (sold where negative) at the close of a bar: `ts` UTC ns, `price` points."""

    ts: int
    contract: str
    contracts: int
    price: float


class BookPositions(msgspec.Struct, frozen=True):
    """The positions of a book in one root.

    `decisions` are those with a forecast, `zero` how many of them hold nothing because their size
    rounds to nothing, and `average` the median of the average position, in contracts.
    """

    root: str
    changes: list[PositionChange]
    decisions: int
    zero: int
    average: float

    def gross(self, multiplier: float, closes: Mapping[str, float]) -> float:
        """Return the P&L before costs; what is still held is worth the last close."""
        paid = sum(one.contracts * one.price for one in self.changes)
        held: dict[str, int] = {}
        for one in self.changes:
            held[one.contract] = held.get(one.contract, 0) + one.contracts
        worth = sum(count * closes[name] for name, count in held.items() if count)
        return (worth - paid) * multiplier

    def costs(self, a_side: Callable[[int], float]) -> float:
        """Return what trading costs; `a_side` is that of one contract at a moment (UTC ns)."""
        return sum(abs(one.contracts) * a_side(one.ts) for one in self.changes)


class FrontBars(msgspec.Struct, frozen=True):
    """The bars of successive front contracts, with what a book reads of them at its decisions."""

    ts: np.ndarray
    close: np.ndarray
    contract: np.ndarray
    decision: np.ndarray
    forecast: np.ndarray
    volatility: np.ndarray


def positions(
    book: FactorBook,
    root: str,
    sizing: Sizing,
    multiplier: float,
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    fronts: Sequence[tuple[int, str]],
    families: Mapping[str, Family] | None = None,
) -> BookPositions:
    """Return the positions that a book takes in a root.

    `fronts` has the contract that is current from a moment on (UTC ns), the oldest first; a
    position is moved to the next one at the two closes of that moment. `families` are those that
    plugins registered, where the book reads any.
    """
    series = _front_bars(book, root, bars, contracts, fronts, families or {})
    rolls = np.searchsorted(series.ts, [since for since, _ in fronts[1:]]).tolist()
    path = _Path(series, bars)
    decisions = zero = 0
    averages = []
    leave: int | None = None
    for at in np.flatnonzero(series.decision).tolist():
        average = sizing.average_position(
            float(series.volatility[at]), float(series.close[at]), multiplier
        )
        forecast = float(series.forecast[at]) / book.average
        entry = at + 1
        if not np.isfinite(forecast * average) or entry >= len(series.ts):
            continue
        if series.ts[entry] - series.ts[at] > LATE:
            continue
        if leave is not None and leave < entry:
            path.move(leave, 0, rolls)
            leave = None
        path.roll(entry, rolls)
        wanted = sizing.position(path.held, forecast, average)
        decisions += 1
        averages.append(average)
        zero += wanted == 0
        ts = int(series.ts[entry])
        if not ends_in_session(root, ts, book.horizon):
            wanted = 0
        path.move(entry, wanted, rolls)
        leave = int(np.searchsorted(series.ts, ts + int(book.horizon * SECOND)))
    if leave is not None and leave < len(series.ts):
        path.move(leave, 0, rolls)
    middle = float(np.median(averages)) if averages else 0.0
    return BookPositions(root, path.changes, decisions, zero, middle)


class _Path:
    """A position from change to change."""

    def __init__(self, series: FrontBars, bars: Mapping[str, Bars]) -> None:
        self._series, self._bars = series, bars
        self.changes: list[PositionChange] = []
        self.held = 0

    def move(self, at: int, wanted: int, rolls: list[int]) -> None:
        """Hold `wanted` from the bar `at` on."""
        self.roll(at, rolls)
        self._trade(at, self._series.contract[at], wanted - self.held)
        self.held = wanted

    def roll(self, at: int, rolls: list[int]) -> None:
        """Move what is held to the next contract at each roll up to the bar `at`."""
        while rolls and rolls[0] <= at:
            first = rolls.pop(0)
            if self.held:
                self._trade(first, self._series.contract[first - 1], -self.held)
                self._trade(first, self._series.contract[first], self.held)

    def _trade(self, at: int, contract: str, count: int) -> None:
        if not count:
            return
        ts = int(self._series.ts[at])
        own = self._bars[contract]
        price = float(own.close[own.ts_event.searchsorted(ts, side="right") - 1])
        self.changes.append(PositionChange(ts, str(contract), count, price))


def _decisions(book: FactorBook, stamps: np.ndarray) -> np.ndarray:
    """Return at which bars, by their closes, a book decides."""
    found = np.flatnonzero(stamps % int(book.every * SECOND) == 0).tolist()
    kept = [at for at in found if is_decision(int(stamps[at]), book.every, book.session)]
    return np.array(kept, dtype=np.int64)


def _front_bars(
    book: FactorBook,
    root: str,
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    fronts: Sequence[tuple[int, str]],
    families: Mapping[str, Family],
) -> FrontBars:
    names = [one.name for one in book.factors]
    listed = [one for one in contracts if one.root == root and one.id in bars]
    feed = FeatureFeed(Wanted([*names, VOLATILITY], families), listed, BASE)
    feed.compute({one.id: bars[one.id] for one in listed})
    parts = []
    ends = [since for since, _ in fronts[1:]] + [2**63 - 1]
    for (since, contract), end in zip(fronts, ends, strict=True):
        if contract not in bars:  # the calendar knows of it and the data does not
            continue
        own = bars[contract]
        a, b = own.ts_event.searchsorted([since, end]).tolist()
        at = _decisions(book, own.ts_event[a:b])
        values = {name: feed.column(contract, name, a + at) for name in (*names, VOLATILITY)}
        decision = np.zeros(b - a, dtype=bool)
        decision[at] = True
        forecast, volatility = np.full(b - a, np.nan), np.full(b - a, np.nan)
        forecast[at], volatility[at] = book.forecasts(values), values[VOLATILITY]
        named = np.full(b - a, contract)
        parts.append((own.ts_event[a:b], own.close[a:b], named, decision, forecast, volatility))
    return FrontBars(*(np.concatenate([part[k] for part in parts]) for k in range(6)))
