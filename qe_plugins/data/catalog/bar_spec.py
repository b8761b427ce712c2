"""Bar specifications such as `5-MINUTE-LAST`: their length, and which minutes can make."""

from __future__ import annotations

import re
from collections.abc import Collection

SECOND = 1_000_000_000
UNITS = {"SECOND": SECOND, "MINUTE": 60 * SECOND, "HOUR": 3_600 * SECOND, "DAY": 86_400 * SECOND}
SPEC = re.compile(rf"(?P<count>[1-9]\d{{0,3}})-(?P<unit>{'|'.join(UNITS)})-LAST")
MINUTES = "1-MINUTE-LAST"
DAY = UNITS["DAY"]


def length_of(spec: str) -> int | None:
    """Return the length of a bar in nanoseconds; None for bars of no fixed time."""
    found = SPEC.fullmatch(spec)
    return int(found["count"]) * UNITS[found["unit"]] if found else None


def read_as(spec: str, known: Collection[str]) -> str:
    """Return the bars to read for `spec`: themselves, or the minutes that make them.

    Minutes make bars of two minutes up to a day, where the data has none of that length.
    """
    length = length_of(spec) or 0
    made = UNITS["MINUTE"] < length <= DAY and length % UNITS["MINUTE"] == 0
    return MINUTES if made and spec not in known and MINUTES in known else spec
