"""Scout: many cheap looks, ranked in code. What counts is that nothing good is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one window: the target, a score from -1 to 1, and the figures it rests on."""

    target: str
    score: float
    facts: dict[str, float]


def ranked(sightings: Iterable[Sighting], most: int) -> list[Sighting]:
    """Return the strongest sighting of each target, strongest first, at most so many."""
    best: dict[str, Sighting] = {}
    for one in sightings:
        known = best.get(one.target)
        if known is None or abs(one.score) > abs(known.score):
            best[one.target] = one
    return sorted(best.values(), key=lambda one: (-abs(one.score), one.target))[:most]


def recall(found: Collection[str], wanted: Collection[str]) -> float:
    """Return the part of the wanted targets that were found, 1 where none was wanted."""
    return len(set(wanted) & set(found)) / len(set(wanted)) if wanted else 1.0
