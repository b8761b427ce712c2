"""Degraded state: while anything about the broker is in doubt, no entry and no modification.

A modification that is sent while the connection is in doubt may leave two live orders of one
reference, of which the older one fills hours later (nautilus #4564).
"""

from __future__ import annotations

from enum import StrEnum


class Doubt(StrEnum):
    """Why the state is degraded."""

    CONNECTION = "the connection to the broker is lost"
    NO_ANSWER = "the broker does not answer"
    LOOK = "a rejection is being checked with the broker"
    UNRESOLVED = "an order is sent and not acknowledged"
    DIFFERENCE = "our book is not the broker's"
    START = "the book has not been compared with the broker's yet"


class DegradedState:
    """The doubts in force, each since a time in UTC nanoseconds. Begins with START."""

    def __init__(self, now: int = 0) -> None:
        self._since: dict[Doubt, int] = {Doubt.START: now}

    def set(self, doubt: Doubt, now: int) -> None:
        """Note a doubt, unless it is in force."""
        self._since.setdefault(doubt, now)

    def clear(self, doubt: Doubt) -> None:
        """End a doubt."""
        self._since.pop(doubt, None)

    def put(self, doubt: Doubt, holds: bool, now: int) -> None:
        """Set or clear a doubt."""
        if holds:
            self.set(doubt, now)
        else:
            self.clear(doubt)

    def __contains__(self, doubt: Doubt) -> bool:
        return doubt in self._since

    @property
    def doubts(self) -> list[Doubt]:
        """Return the doubts in force, oldest first."""
        return sorted(self._since, key=lambda one: self._since[one])

    @property
    def refusal(self) -> str:
        """Return why nothing may be entered or modified; empty where it may.

        Exits and cancellations are never refused by this.
        """
        return "; ".join(self.doubts)
