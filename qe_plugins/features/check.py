"""Five invariances of features, checked on bars: what changes a number changes a decision.

prefix: bars that come later change nothing (look-ahead). start: after its lookback a feature does
not depend on where the data begins. stream: bar by bar gives what a batch gives. scale: prices
multiplied by a power of two change nothing. poison: garbage after a bar changes nothing at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.catalogue import OTHER_TIMEFRAMES, TIMEFRAMES, USES, entry_of
from qe_plugins.features.columns import values_of
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.frames import MINUTE, FrameBuilder
from qe_plugins.features.names import Wanted
from qe_plugins.plugins.types import Family

CUTS = 3
STREAMED = 300
MOMENTS = 200
FOREIGN_TOLERANCE = 1e-9
"""Relative difference that the start may make to a registered family's numbers."""


class BrokenInvariance(msgspec.Struct, frozen=True):
    """A feature that breaks an invariance: at how many bars, and the first of them."""

    feature: str
    invariance: str
    bars: int
    ts: int
    expected: float
    found: float


class CheckTape(msgspec.Struct, frozen=True):
    """The bars of a root's contracts, and the timeframe that they have."""

    bars: Mapping[str, Bars]
    contracts: Sequence[ListedContract]
    base: str = "1m"

    def cut(self, first: int, last: int) -> CheckTape:
        """Return the bars that close from `first` up to `last`, not included (UTC ns)."""
        found = {}
        for name, bars in self.bars.items():
            a, b = np.searchsorted(bars.ts_event, [first, last])
            if b > a:
                found[name] = bars[int(a) : int(b)]
        return CheckTape(found, self.contracts, self.base)

    def scaled(self, factor: float) -> CheckTape:
        """Return the bars with prices multiplied."""
        prices = ("open", "high", "low", "close")
        return CheckTape(
            {
                name: Bars(
                    bars.bar_type,
                    {n: c * factor if n in prices else c for n, c in bars.columns.items()},
                )
                for name, bars in self.bars.items()
            },
            self.contracts,
            self.base,
        )

    def poisoned(self, after: int) -> CheckTape:
        """Return the bars with garbage in place of those that close after a time (UTC ns)."""
        random = np.random.default_rng(1)
        found = {}
        for name, bars in self.bars.items():
            wrong, columns = bars.ts_event > after, {n: c.copy() for n, c in bars.columns.items()}
            factor = np.exp(random.normal(0, 0.02, len(bars)))
            for n in ("open", "high", "low", "close"):
                columns[n][wrong] = (columns[n] * factor)[wrong]
            high, low = columns["high"].copy(), columns["low"].copy()
            edges = [columns["open"], columns["close"], high, low]
            columns["high"][wrong] = np.maximum.reduce(edges)[wrong]
            columns["low"][wrong] = np.minimum.reduce(edges)[wrong]
            columns["volume"][wrong] = np.floor(random.random(len(bars)) * 9_999)[wrong]
            found[name] = Bars(bars.bar_type, columns)
        return CheckTape(found, self.contracts, self.base)


def check(
    names: Iterable[str],
    tape: CheckTape,
    families: Mapping[str, Family] | None = None,
    *,
    streamed: int = STREAMED,
) -> list[BrokenInvariance]:
    """Return what breaks an invariance, none where all is well.

    The data is cut at CUTS moments; `streamed` is how many minutes are fed bar by bar.
    Raises FeatureError for an unknown feature and for bars that break a bound.
    """
    wanted = Wanted(names, families)
    ours = Wanted([name for name in wanted.names if name not in wanted.own])
    found = list(_check_ours(ours, tape, streamed)) if ours.names else []
    contract = max(tape.bars, key=lambda name: len(tape.bars[name]))
    for name, (frame, family) in wanted.own.items():
        bars = tape.bars[contract]
        if frame != tape.base:
            root = next(one.root for one in tape.contracts if one.id == contract)
            bars, _ = FrameBuilder(frame, root, f"{contract}-{frame}").extend(bars)
        found += check_family(name, family, bars)
    return found


def check_family(
    name: str, family: Family, bars: Bars, moments: int = MOMENTS
) -> list[BrokenInvariance]:
    """Return how a registered family's function breaks prefix, start or poison on bars."""
    if (count := len(bars)) <= family.lookback:
        return []
    at = np.unique(np.linspace(family.lookback, count - 1, moments).astype(int)).tolist()
    poisoned = CheckTape({"x": bars}, []).poisoned(int(bars.ts_event[at[len(at) // 2]])).bars["x"]
    half = at[: len(at) // 2 + 1]
    # shorter ones first: a cache that was filled by the whole would give its future to them
    late = {t: values_of(name, family, bars[t - family.lookback + 1 : t + 1])[-1] for t in at}
    cut = {t: values_of(name, family, bars[: t + 1])[-1] for t in at}
    whole = values_of(name, family, bars)
    of_poisoned = values_of(name, family, poisoned)
    found = [
        ("prefix", 0.0, cut),
        ("start", FOREIGN_TOLERANCE, late),
        ("poison", 0.0, {t: of_poisoned[t] for t in half}),
    ]
    return [
        finding
        for kind, tolerance, values in found
        for finding in _differing(name, kind, bars, values, whole, tolerance)
    ]


def _differing(
    name: str, kind: str, bars: Bars, values: Mapping[int, float], whole: np.ndarray, least: float
) -> Iterator[BrokenInvariance]:
    wrong = [t for t, v in values.items() if not _close(float(v), float(whole[t]), least)]
    if wrong:
        t = wrong[0]
        yield BrokenInvariance(
            name, kind, len(wrong), int(bars.ts_event[t]), float(whole[t]), float(values[t])
        )


def _close(one: float, other: float, tolerance: float) -> bool:
    if np.isfinite(one) != np.isfinite(other):
        return False
    return not np.isfinite(one) or abs(one - other) <= tolerance * max(abs(one), abs(other), 1e-9)


def _check_ours(wanted: Wanted, tape: CheckTape, streamed: int) -> Iterator[BrokenInvariance]:
    whole = computed(wanted, tape)
    stamps = np.unique(np.concatenate([bars.ts_event for bars in tape.bars.values()]))
    parts = [stamps[len(stamps) * (n + 1) // (CUTS + 1)] for n in range(CUTS)]
    for cut in parts:
        yield from compared("prefix", wanted, tape, computed(wanted, tape.cut(0, cut)), whole)
    for cut in parts:
        late = tape.cut(cut, 2**62)
        yield from compared("start", wanted, late, computed(wanted, late), whole, start=int(cut))
    yield from compared("stream", wanted, tape, fed(wanted, tape, streamed), whole)
    yield from compared("scale", wanted, tape, computed(wanted, tape.scaled(8.0)), whole)
    poisoned = computed(wanted, tape.poisoned(int(parts[-1])))
    yield from compared("poison", wanted, tape.cut(0, int(parts[-1]) + 1), poisoned, whole)


type Values = dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]
"""By contract: when its bars closed, and its features at them."""


def computed(wanted: Wanted, tape: CheckTape) -> Values:
    """Return the features of every bar, computed in one batch."""
    feed = FeatureFeed(wanted, tape.contracts, tape.base)
    feed.compute(tape.bars)
    return {
        name: (bars.ts_event, {one: feed.column(name, one) for one in wanted.names})
        for name, bars in tape.bars.items()
    }


def fed(wanted: Wanted, tape: CheckTape, streamed: int) -> Values:
    """Return the features of the last `streamed` minutes' bars, fed one by one."""
    last = max(int(bars.ts_event[-1]) for bars in tape.bars.values())
    cut = last - streamed * MINUTE
    feed = FeatureFeed(wanted, tape.contracts, tape.base)
    before, coming = tape.cut(0, cut), tape.cut(cut, 2**62)
    feed.compute(before.bars)
    for name, bars in before.bars.items():
        feed.views[name].skip(len(bars))
    order = sorted((int(ts), name) for name, bars in coming.bars.items() for ts in bars.ts_event)
    rows: dict[str, list[list[float]]] = {name: [] for name in coming.bars}
    at = dict.fromkeys(coming.bars, 0)
    for ts, name in order:
        feed.compute({name: coming.bars[name][at[name] : at[name] + 1]})
        feed.views[name].advance(ts)
        at[name] += 1
        rows[name].append([feed.column(name, one)[0] for one in wanted.names])
    return {
        name: (bars.ts_event, dict(zip(wanted.names, np.array(rows[name]).T, strict=True)))
        for name, bars in coming.bars.items()
    }


def compared(
    kind: str, wanted: Wanted, tape: CheckTape, values: Values, whole: Values, start: int = 0
) -> Iterator[BrokenInvariance]:
    """Yield the features whose bits differ at bars that both have and that `tape` has."""
    settled = _settled(wanted, tape) if start else {}
    worst: dict[str, BrokenInvariance] = {}
    for contract, (stamps, columns) in values.items():
        if contract not in tape.bars:
            continue
        allowed = tape.bars[contract].ts_event
        both = np.intersect1d(np.intersect1d(stamps, whole[contract][0]), allowed)
        rows = np.searchsorted(stamps, both)
        of_whole = np.searchsorted(whole[contract][0], both)
        for name, column in columns.items():
            one, other = column[rows], whole[contract][1][name][of_whole]
            differ = one.view(np.int64) != other.view(np.int64)
            if start:
                differ &= both >= settled[contract, name]
            if differ.any() and name not in worst:
                t = int(np.flatnonzero(differ)[0])
                worst[name] = BrokenInvariance(
                    name, kind, int(differ.sum()), int(both[t]), float(other[t]), float(one[t])
                )
    yield from worst.values()


def _settled(wanted: Wanted, tape: CheckTape) -> dict[tuple[str, str], int]:
    """Return from when on each feature of each contract has its lookback in a tape (UTC ns)."""
    found: dict[tuple[str, str], int] = {}
    roots = {one.id: one.root for one in tape.contracts}
    closes: dict[tuple[str, str], np.ndarray] = {}
    for contract, bars in tape.bars.items():
        for frame in (*TIMEFRAMES, *OTHER_TIMEFRAMES):
            built, _ = FrameBuilder(frame, roots[contract], contract).extend(bars)
            closes[contract, frame] = built.ts_event
    for contract in tape.bars:
        days = np.unique(
            np.concatenate([closes[c, "1d"] for c in tape.bars if roots[c] == roots[contract]])
        )
        for name in wanted.names:
            moments = [0]
            for frame, lookback in _parts(name):
                ends = days if frame == "1d" else closes[contract, frame]
                need = lookback + 2 if frame != "1m" else lookback
                moments.append(int(ends[need]) if need < len(ends) else 2**62)
            found[contract, name] = max(moments)
    return found


def _parts(name: str) -> Iterator[tuple[str, int]]:
    """Yield timeframe and lookback of a feature, or of those that it is made of."""
    frame, _, rest = name.partition(".")
    if frame != "across":
        yield frame, entry_of(name).lookback
        return
    for part in USES.get(rest, ()):
        yield part.partition(".")[0], entry_of(part).lookback
    if rest in ("overnight_gap", "carry"):
        yield "1d", 2
