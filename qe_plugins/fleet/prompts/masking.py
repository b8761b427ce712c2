"""What a model may not recognise: which instrument, when, and at what level.

An answer about a market that the model remembers is memory, not judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

LEVEL = 100.0


class Mask(msgspec.Struct, frozen=True):
    """How names, times and prices are shown. Names are letters in the order of `instruments`."""

    instruments: Sequence[str]
    on: bool = True

    def name(self, instrument: str) -> str:
        """Return what an instrument is called."""
        if not self.on:
            return instrument
        return f"instrument {_letters(list(self.instruments).index(instrument))}"

    def shown(self, target: str) -> str:
        """Return a target, as `Task.target` names it, as it may be shown."""
        instrument = next(one for one in self.instruments if target.startswith(f"{one} "))
        return f"{self.name(instrument)}{target.removeprefix(instrument)}"

    def times(self, closes: Sequence[int]) -> list[str] | range:
        """Return when bars closed (UTC ns): how many bars before the last, where masked."""
        if self.on:
            return range(1 - len(closes), 1)
        return [
            datetime.fromtimestamp(ts // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M")
            for ts in closes
        ]

    def scale(self, level: float) -> float:
        """Return what prices are multiplied by, so that `level` becomes 100 where masked."""
        return LEVEL / level if self.on else 1.0


def _letters(number: int) -> str:
    """Return A, B, ... Z, AA, AB, ... for 0, 1, ..."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
