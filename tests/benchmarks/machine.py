"""The machine that is measured on: what a process of ours is told of it, and who else was there."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


def surroundings(home: Path) -> dict[str, str]:
    """Return the environment of a process to measure: a user's, whose bytecode is kept."""
    inherited = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {"PYTHONPATH": str(ROOT), "QE_HOME": str(home)}


def best_time(work: Callable[[], object], rounds: int = 5) -> float:
    """Return the least processor time of a few runs, in seconds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


class Others:
    """`share` is the part of all processors that was used by none of ours, once it is known."""

    share = 1.0


@contextmanager
def shared_with() -> Iterator[Others]:
    """Yield what others take while the block runs; processes of ours must have ended with it."""
    others = Others()
    began, busy, ours = time.monotonic(), _busy(), _ours()
    yield others
    whole = (time.monotonic() - began) * (os.cpu_count() or 1)
    others.share = max(0.0, _busy() - busy - (_ours() - ours)) / whole


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def _ours() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))
