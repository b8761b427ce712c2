"""When a run receives a recorded answer: at its decision point plus its latency, never earlier."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.recordings.contamination import Contamination, of_decision
from qe_plugins.recordings.records import FleetRecording, RecordedDecision

SECOND = 1_000_000_000
RANKS_ABOVE = 4
"""Ranks above the workers, each of which waits for the one below."""


class DeliveredOpinion(msgspec.Struct, frozen=True, kw_only=True):
    """An opinion as a run receives it: `decided` and, not before, `at`, both UTC nanoseconds."""

    at: int
    decided: int
    instrument: str
    score: float
    confidence: float
    contamination: Contamination


def deliveries(
    recording: FleetRecording,
    latency: float | None = None,
    deliver_as: int | None = None,
) -> list[DeliveredOpinion]:
    """Return all opinions of a recording in the order of their delivery.

    `latency` in seconds replaces the recorded ones; `deliver_as` is a number of calls in flight to
    work them out for. Raises FleetError for a negative latency or both.
    """
    if latency is not None and (deliver_as is not None or not 0 <= latency < math.inf):
        message = "'latency' must be at least 0s, and not be given with 'deliver_as'."
        raise FleetError(message, where=f"recording {recording.info.name}")
    found = [
        DeliveredOpinion(
            at=one.at + round(_seconds(one, recording, latency, deliver_as) * SECOND),
            decided=one.at,
            instrument=opinion.instrument,
            score=opinion.score,
            confidence=opinion.confidence,
            contamination=of_decision(one, recording.info),
        )
        for one in recording.decisions
        for opinion in one.opinions
    ]
    return in_order(found)


def in_order(opinions: Iterable[DeliveredOpinion]) -> list[DeliveredOpinion]:
    """Return opinions in the order of their delivery, then of their decision."""
    return sorted(opinions, key=lambda one: (one.at, one.decided, one.instrument))


def _seconds(
    one: RecordedDecision,
    recording: FleetRecording,
    latency: float | None,
    deliver_as: int | None,
) -> float:
    if latency is not None:
        return latency
    if deliver_as is not None:
        return one.call * (math.ceil(recording.info.workers / deliver_as) + RANKS_ABOVE)
    assert one.latency is not None  # `folder.read` refuses a recording without
    return one.latency


class OpinionQueue:
    """Opinions that wait for their delivery, by instrument."""

    def __init__(self, opinions: Sequence[DeliveredOpinion], longest: float) -> None:
        """`longest` is the seconds after which an opinion that found no bar is dropped."""
        self._waiting: dict[str, list[DeliveredOpinion]] = {}
        for one in reversed(opinions):
            self._waiting.setdefault(one.instrument, []).append(one)
        self._longest = round(longest * SECOND)

    def add(self, opinions: Iterable[DeliveredOpinion]) -> None:
        """Have further opinions wait, in whatever order they come."""
        for one in opinions:
            waiting = self._waiting.setdefault(one.instrument, [])
            waiting.append(one)
            waiting.sort(key=lambda each: (each.at, each.decided), reverse=True)

    def take(self, instrument: str, now: int) -> DeliveredOpinion | None:
        """Return the newest opinion about an instrument delivered by `now` (UTC ns), once.

        None without a new one, and where it is too old.
        """
        waiting, newest = self._waiting.get(instrument, []), None
        while waiting and waiting[-1].at <= now:
            newest = waiting.pop()
        return newest if newest is not None and now - newest.at <= self._longest else None
