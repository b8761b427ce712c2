"""How far our clock is from the gateway's, which is set by IB's."""

from __future__ import annotations

import time
from collections.abc import Callable


def skew_of(server_time: Callable[[], float], now: Callable[[], float] = time.time) -> float:
    """Return the seconds by which our clock is certainly past the gateway's; negative if behind.

    The gateway tells whole seconds, cut off, and takes some time to answer: what these two explain
    counts as no difference.
    """
    before = now()
    told = server_time()
    after = now()
    if before > told + 1:
        return before - (told + 1)
    return min(after - told, 0.0)
