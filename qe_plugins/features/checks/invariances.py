"""Five invariances of features, checked on bars: what changes a number changes a decision.

prefix: bars that come later change nothing (look-ahead). start: after its lookback a feature does
not depend on where the data begins. stream: bar by bar gives what a batch gives. scale: prices
multiplied by a power of two change nothing. poison: garbage after a bar changes nothing at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.checks.lookback import settled
from qe_plugins.features.columns import values_of
from qe_plugins.features.frames import FrameBuilder
from qe_plugins.features.names import Wanted
from qe_plugins.features.tape import CheckTape, Values, computed, fed
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


def compared(
    kind: str, wanted: Wanted, tape: CheckTape, values: Values, whole: Values, start: int = 0
) -> Iterator[BrokenInvariance]:
    """Yield the features whose bits differ at bars that both have and that `tape` has."""
    known_from = settled(wanted, tape) if start else {}
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
                differ &= both >= known_from[contract, name]
            if differ.any() and name not in worst:
                t = int(np.flatnonzero(differ)[0])
                worst[name] = BrokenInvariance(
                    name, kind, int(differ.sum()), int(both[t]), float(other[t]), float(one[t])
                )
    yield from worst.values()
