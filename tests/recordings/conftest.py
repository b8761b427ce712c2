"""Recordings made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from qe_plugins.recordings.records import (
    FleetRecording,
    RecordedDecision,
    RecordedOpinion,
    RecordedVote,
    RecordingInfo,
)

SECOND, MINUTE = 1_000_000_000, 60_000_000_000
NAME = "ESZ13.XCME"


def at(text: str) -> int:
    """Return a moment of UTC, `2013-10-07T15:00`, as nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def decision(moment: int, *scores: float, instrument: str = NAME, **more: Any) -> RecordedDecision:
    """Return a decision by one worker a score; the opinion is their mean."""
    votes = tuple(
        RecordedVote(
            node=f"1.1.1.{number}",
            instrument=instrument,
            kind="1m",
            score=score,
            confidence=0.5,
            model="some-model",
            prompt=f"{number:x}" * 8,
        )
        for number, score in enumerate(scores, 1)
    )
    mean = sum(scores) / len(scores)
    opinion = RecordedOpinion(instrument=instrument, score=mean, confidence=0.5, votes=len(scores))
    given = {"latency": 30.0, "call": 2.0, "usd": Decimal("0.01"), "models": {"some-model": None}}
    return RecordedDecision(at=moment, opinions=(opinion,), votes=votes, **(given | more))


def recording(*decisions: RecordedDecision, **more: Any) -> FleetRecording:
    """Return a recording of the decisions given."""
    given: dict[str, Any] = {
        "name": "made",
        "fleet": {},
        "mask": "raw",
        "prompts": "p",
        "root": "ES",
        "workers": 1_000,
    }
    points = tuple(one.at for one in decisions)
    info = RecordingInfo(**(given | {"points": points} | more))
    return FleetRecording(info=info, decisions=decisions)
