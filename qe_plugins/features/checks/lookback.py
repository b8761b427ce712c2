"""From when on features depend on no earlier bar."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qe_plugins.features.catalogue import OTHER_TIMEFRAMES, TIMEFRAMES, USES, entry_of
from qe_plugins.features.frames import DAY, FrameBuilder
from qe_plugins.features.names import Wanted
from qe_plugins.features.tape import CheckTape

NEVER = 2**62


class FrameCloses:
    """When the frames of a tape's contracts closed (UTC ns); days are those of the root."""

    def __init__(self, tape: CheckTape) -> None:
        self._closes: dict[tuple[str, str], np.ndarray] = {}
        roots = {one.id: one.root for one in tape.contracts}
        for contract, bars in tape.bars.items():
            for frame in (*TIMEFRAMES, *OTHER_TIMEFRAMES):
                built, _ = FrameBuilder(frame, roots[contract], contract).extend(bars)
                self._closes[contract, frame] = built.ts_event
        for root in set(roots.values()):
            own = [name for name in tape.bars if roots[name] == root]
            days = [self._closes[name, DAY] for name in own]
            for name in own:
                self._closes[name, DAY] = np.unique(np.concatenate(days))

    def settled(self, contract: str, name: str, wanted: Wanted) -> int:
        """Return from when on a feature has its lookback, NEVER where the tape is too short."""
        moments = [0]
        for frame, need in _needs(name, wanted):
            ends = self._closes[contract, frame]
            moments.append(int(ends[need]) if need < len(ends) else NEVER)
        return max(moments)

    def begin(self, contract: str, name: str, wanted: Wanted, ts: int) -> int | None:
        """Return from when on bars are needed for a feature at `ts`, None for all and more."""
        moments = [ts]
        for frame, need in _needs(name, wanted):
            ends = self._closes[contract, frame]
            first = int(np.searchsorted(ends, ts, "right")) - 1 - need
            if first < 0:
                return None
            moments.append(int(ends[first]))
        return min(moments)


def settled(wanted: Wanted, tape: CheckTape) -> dict[tuple[str, str], int]:
    """Return from when on each feature of each contract has its lookback in a tape (UTC ns)."""
    closes = FrameCloses(tape)
    return {
        (contract, name): closes.settled(contract, name, wanted)
        for contract in tape.bars
        for name in wanted.names
    }


def _needs(name: str, wanted: Wanted) -> Iterator[tuple[str, int]]:
    """Yield timeframes and how many of their bars a feature needs, the first one incomplete."""
    for frame, lookback in _parts(name, wanted):
        yield frame, lookback if frame == "1m" else lookback + 2


def _parts(name: str, wanted: Wanted) -> Iterator[tuple[str, int]]:
    """Yield timeframe and lookback of a feature, or of those that it is made of."""
    if name in wanted.own:
        frame, family = wanted.own[name]
        yield frame, family.lookback
        return
    frame, _, rest = name.partition(".")
    if frame != "across":
        yield frame, entry_of(name).lookback
        return
    for part in USES.get(rest, ()):
        yield part.partition(".")[0], entry_of(part).lookback
    if rest in ("overnight_gap", "carry"):
        yield DAY, 2
