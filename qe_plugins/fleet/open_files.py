"""How many connections this process may have: its limit on open files, raised as far as it goes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection
from pathlib import Path

LOG = logging.getLogger(__name__)

SPARE = 48
"""Files beside the connections: ledger, journal, locks, and connections that are just closing."""


def fitting(concurrency: int, most: Collection[int]) -> int:
    """Return how many calls each provider may have in flight, at most `concurrency`.

    `most` is how many each of them takes. Says so where the limit on open files allows fewer.
    """
    wanted = sum(min(concurrency, each) for each in most)
    room = _room(wanted)
    if wanted <= room:
        return concurrency
    fewer = next(
        (n for n in range(concurrency, 1, -1) if sum(min(n, each) for each in most) <= room), 1
    )
    LOG.warning(
        "at most %d files may be open here: %d calls at once instead of %d."
        " `ulimit -n` raises the limit",
        room + SPARE + _open(),
        fewer,
        concurrency,
    )
    return fewer


def _room(wanted: int) -> int:
    """Return how many more files may be opened, once the soft limit is as high as is needed."""
    if sys.platform == "win32":
        return wanted  # a socket is no file there, and there is no such limit
    import resource

    used = _open() + SPARE
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


def _open() -> int:
    """Return how many files are open, about 32 where the system does not tell."""
    folder = Path("/proc/self/fd")
    try:
        return len(os.listdir(folder))
    except OSError:
        return 32
