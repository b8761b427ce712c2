"""Wall time of each stage of a command, in seconds."""

from __future__ import annotations

import time

_marks: list[tuple[str, float]] = []
_began = time.perf_counter()


def mark(stage: str) -> None:
    """Record that a stage has ended now."""
    _marks.append((stage, time.perf_counter()))


def took() -> dict[str, float]:
    """Return the seconds of each stage so far, and clear them."""
    global _began
    found: dict[str, float] = {}
    for stage, at in _marks:
        found[stage] = found.get(stage, 0.0) + at - _began
        _began = at
    _marks.clear()
    return found
