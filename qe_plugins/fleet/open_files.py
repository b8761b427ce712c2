"""Fit the number of calls in flight to the limit on open files, after raising the soft limit."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection
from pathlib import Path

LOG = logging.getLogger(__name__)

SPARE = 48
"""Files besides the connections: ledger, journal, locks, and connections that are closing."""


def fit_concurrency(concurrency: int, limits: Collection[int]) -> int:
    """Return how many calls each provider may have in flight, at most `concurrency`.

    `limits` holds each provider's own limit. Logs a warning where open files allow fewer.
    """
    wanted = sum(min(concurrency, each) for each in limits)
    room = _free_files(wanted)
    if wanted <= room:
        return concurrency
    fewer = next(
        (n for n in range(concurrency, 1, -1) if sum(min(n, each) for each in limits) <= room), 1
    )
    LOG.warning(
        "at most %d files may be open here: %d calls at once instead of %d."
        " `ulimit -n` raises the limit",
        room + SPARE + _open_files(),
        fewer,
        concurrency,
    )
    return fewer


def _free_files(wanted: int) -> int:
    """Return how many more files may be opened, after raising the soft limit as far as needed."""
    if sys.platform == "win32":
        return wanted  # sockets are not files there, and there is no such limit
    import resource

    used = _open_files() + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < used + wanted:
        needed = used + wanted
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
            soft = max(soft, raised)
        except (ValueError, OSError) as error:
            LOG.debug("the limit on open files stays at %d: %s", soft, error)
    return max(soft - used, 1)


def _open_files() -> int:
    """Return the number of open files; 32 where the system has no /proc."""
    folder = Path("/proc/self/fd")
    try:
        return len(os.listdir(folder))
    except OSError:
        return 32
