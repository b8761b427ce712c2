"""The garbage collector during long work: what was there before is not looked at over and over."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000
"""New objects after which the collector looks at them; the 2,000 of a plain Python come with
every second call of a model, and a fifth of a scan's processor time goes by."""


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Let the collector look at new objects alone, and at many of them at a time."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
