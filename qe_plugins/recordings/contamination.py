"""Whether a model may have known what came after a decision.

`clean` is a decision at least 90 days after the model's knowledge cutoff or, where none is
published, after the day it was first served to us. Only clean answers are evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from qe_plugins.recordings.records import RAW, RecordedDecision, RecordingInfo

MARGIN = timedelta(days=90)
SECOND = 1_000_000_000


class Contamination(StrEnum):
    """What the model may have known, from nothing to everything."""

    CLEAN = "clean"
    NEAR = "near"
    MASKED = "masked-contaminated"
    CONTAMINATED = "contaminated"

    @property
    def is_evidence(self) -> bool:
        """Return whether results of such answers may promote a strategy."""
        return self is Contamination.CLEAN


ORDER = tuple(Contamination)


def contamination(
    at: int, cutoff: str | None, *, masked: bool, served: int | None = None
) -> Contamination:
    """Return the label of one model's answer at a decision point (UTC ns).

    `cutoff` is the model's `YYYY-MM`, None where it is not published; then `served` is the wall
    time (UTC ns) at which it first answered us, None where that is unknown.
    """
    day = datetime.fromtimestamp(at // SECOND, UTC).date()
    if cutoff is not None:
        known_until = _end_of_month(cutoff)
        if day >= known_until + MARGIN:
            return Contamination.CLEAN
        if day >= known_until:
            return Contamination.NEAR
    elif served is not None and day > datetime.fromtimestamp(served // SECOND, UTC).date():
        return Contamination.CLEAN
    return Contamination.MASKED if masked else Contamination.CONTAMINATED


def of_decision(decision: RecordedDecision, info: RecordingInfo) -> Contamination:
    """Return the worst label over the models of a decision; rules remember nothing."""
    if decision.rules or not decision.models:
        return Contamination.CLEAN if decision.rules else Contamination.CONTAMINATED
    labels = [
        contamination(decision.at, cutoff, masked=info.mask != RAW, served=info.served.get(model))
        for model, cutoff in decision.models.items()
    ]
    return max(labels, key=ORDER.index)


def is_evidence(label: str) -> bool:
    """Return whether results of votes with a label may promote a strategy; an unknown one not."""
    return label in ORDER and Contamination(label).is_evidence


def counts(labels: Iterable[Contamination]) -> Mapping[str, int]:
    """Return how often each label occurs, the cleanest first."""
    every = list(labels)
    return {str(label): every.count(label) for label in ORDER if label in every}


def _end_of_month(cutoff: str) -> date:
    year, month = map(int, cutoff.split("-")[:2])
    return date(year + month // 12, month % 12 + 1, 1)
