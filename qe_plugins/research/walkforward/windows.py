"""Windows of a walk-forward: months to choose on, and the months after them to judge."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from qe_plugins.errors import ConfigError, DataError

SPAN = re.compile(r"(\d{1,3})\s*([MmYy])")
MONTHS = {"m": 1, "y": 12}


class WalkWindow(msgspec.Struct, frozen=True):
    """Sessions by number: chosen on `train` to `test`, judged on `test` to `end`, ends excluded."""

    train: int
    test: int
    end: int


def months(text: str) -> int:
    """Return the months of a span such as `24M` or `2Y`. Raises ConfigError for any other text."""
    found = SPAN.fullmatch(text.strip())
    count = int(found[1]) * MONTHS[found[2].lower()] if found else 0
    if not count:
        raise ConfigError(f"'{text}' is not a span of months.", hint="Write 24M, or 2Y.")
    return count


def windows(sessions: np.ndarray, train: int, test: int) -> list[WalkWindow]:
    """Return the windows over sessions (datetime64[D], sorted), months being whole ones.

    Each begins `test` months after the one before, so that test sessions follow each other and none
    is judged twice. Raises DataError for sessions of fewer months than one window needs.
    """
    month = sessions.astype("datetime64[M]")
    first, last = month[0], month[-1]
    count = int((last - first).astype(int)) + 1
    if count < train + test:
        raise DataError(
            f"a window needs {train + test} months, the data has {count}.",
            hint="Take a longer history, or shorter --train and --test.",
        )
    found = []
    for begin in range(0, count - train - test + 1, test):
        edges = first + np.array([begin, begin + train, begin + train + test], dtype="m8[M]")
        a, b, c = np.searchsorted(month, edges).tolist()
        if b > a and c > b:
            found.append(WalkWindow(a, b, c))
    return found
