"""Memory during long work: in small pages, and kept for the next piece.

A run takes memory and gives it back piece by piece of the tape. Where Linux hands it out two
megabytes at a time, it clears all of them anew each time, of which little is then used. And what
the engine's allocator hands back to Linux it is soon handed again, cleared and mapped anew.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SET, GET = 41, 42
"""PR_SET_THP_DISABLE and PR_GET_THP_DISABLE of <linux/prctl.h>."""


DELAY, LONG = "MIMALLOC_PURGE_DELAY", "5000"
"""How the allocators of the engine and of Arrow are told how long (ms) they keep free memory, and
longer than a piece of the tape takes."""


def keep() -> None:
    """Have free memory kept a while, unless somebody said otherwise.

    Call before the engine is imported.
    """
    os.environ.setdefault(DELAY, LONG)


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
