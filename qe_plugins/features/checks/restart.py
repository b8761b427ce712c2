"""Values that a session recorded, compared with those computed from its bars again.

In one batch, and as a session that was restarted computes them: from the lookback's bars alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from qe_plugins.features.checks.lookback import FrameCloses
from qe_plugins.features.names import Wanted
from qe_plugins.features.tape import CheckTape, computed

RESTARTS = 50
"""Moments at most that are computed from the lookback's bars alone, evenly over the session."""

BATCH, RESTART = "batch", "restart"


class RecordedFeatures(msgspec.Struct, frozen=True):
    """What a plugin read at a bar of a contract that closed at `ts` (UTC ns); None is null."""

    plugin: str
    contract: str
    ts: int
    values: Mapping[str, float | None]


class FeatureDifference(msgspec.Struct, frozen=True):
    """A value that is another one when computed again; `way` is `batch` or `restart`."""

    feature: str
    contract: str
    ts: int
    way: str
    recorded: float | None
    found: float | None


class FeatureParity(msgspec.Struct, frozen=True):
    """A comparison: `values` recorded at `moments`, `restarted` of them from their lookback."""

    bars: int
    moments: int
    values: int
    restarted: int
    differences: list[FeatureDifference]


def compare_recorded(
    recorded: Sequence[RecordedFeatures], wanted: Wanted, tape: CheckTape
) -> FeatureParity:
    """Compare recorded features with those of the bars of a tape, bit for bit.

    `wanted` has all their names. A moment whose lookback begins before the tape is compared with
    the batch only.
    """
    whole = computed(wanted, tape)
    found = [one for each in recorded for one in _differing(each, whole[each.contract], BATCH)]
    closes, restarted = FrameCloses(tape), 0
    for each in recorded[:: -(-len(recorded) // RESTARTS) or 1]:
        begins = [closes.begin(each.contract, name, wanted, each.ts) for name in each.values]
        known = [one for one in begins if one is not None]
        if not known or len(known) < len(begins):
            continue
        restarted += 1
        again = computed(Wanted(each.values, wanted.families), tape.cut(min(known), each.ts + 1))
        found += _differing(each, again[each.contract], RESTART)
    return FeatureParity(
        bars=sum(len(bars) for bars in tape.bars.values()),
        moments=len(recorded),
        values=sum(len(one.values) for one in recorded),
        restarted=restarted,
        differences=found,
    )


def _differing(
    one: RecordedFeatures, values: tuple[np.ndarray, Mapping[str, np.ndarray]], way: str
) -> Iterator[FeatureDifference]:
    stamps, columns = values
    row = int(np.searchsorted(stamps, one.ts))
    for name, then in one.values.items():
        now = float(columns[name][row])
        if np.float64(math.nan if then is None else then).tobytes() != np.float64(now).tobytes():
            again = None if math.isnan(now) else now
            yield FeatureDifference(name, one.contract, one.ts, way, then, again)
