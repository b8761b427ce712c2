"""Memory in small pages during long work.

A run takes memory and gives it back piece by piece of the tape. Where Linux hands it out two
megabytes at a time, it clears all of them anew each time, of which little is then used.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SET, GET = 41, 42
"""PR_SET_THP_DISABLE and PR_GET_THP_DISABLE of <linux/prctl.h>."""


@contextmanager
def small() -> Iterator[None]:
    """Have memory handed out in small pages, where the system can be told so."""
    usual = _ask(GET)
    _ask(SET, 1)
    try:
        yield
    finally:
        _ask(SET, max(usual, 0))


def _ask(what: int, value: int = 0) -> int:
    """Return what the system answers, -1 where it does not know the question."""
    if sys.platform != "linux":
        return -1
    answer: int = ctypes.CDLL(None).prctl(what, value, 0, 0, 0)
    return answer
