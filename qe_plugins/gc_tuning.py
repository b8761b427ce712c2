"""Tune the garbage collector for a run: it skips objects that existed before."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""New objects after which the collector runs. With Python's default of 2,000 it runs at every
second model call, and takes a fifth of a scan's processor time."""


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Collect only objects created inside the context, and many at a time.

    Objects that the caller has frozen stay frozen, and no others are.
    """
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    if not frozen:
        gc.freeze()
    gc.set_threshold(YOUNG, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if not frozen:
            gc.unfreeze()
