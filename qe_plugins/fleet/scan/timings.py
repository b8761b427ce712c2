"""Where the seconds of a command go, from its start to its end."""

from __future__ import annotations

import time

_marks: list[tuple[str, float]] = []
_began = time.perf_counter()


def mark(stage: str) -> None:
    """Note that a stage has ended."""
    _marks.append((stage, time.perf_counter()))


def took() -> dict[str, float]:
    """Return the seconds that each stage took so far, and forget them."""
    global _began
    found: dict[str, float] = {}
    for stage, at in _marks:
        found[stage] = found.get(stage, 0.0) + at - _began
        _began = at
    _marks.clear()
    return found
