"""Arms of an ablation: the same recording with its votes kept, moved, mixed or turned round.

Each arm has the fleet's own rate of opinions, so that a difference between two arms is one of
knowledge and not of trading more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from statistics import fmean
from zoneinfo import ZoneInfo

import msgspec

from qe_plugins.recordings.delivery import SECOND, DeliveredOpinion, in_order
from qe_plugins.recordings.records import FleetRecording, RecordedDecision, RecordedOpinion

CHICAGO = ZoneInfo("America/Chicago")
BAR = 60 * SECOND
OPENS = timedelta(hours=7)  # a session opens at 17:00, which this moves to midnight


class Arm(StrEnum):
    """The forms of a recording that a run may receive."""

    FULL = "full"
    NONE = "none"
    ROTATED = "rotated"
    RANDOM = "random"
    INVERTED = "inverted"
    DELAYED_BAR = "delayed_bar"
    DELAYED_SESSION = "delayed_session"
    ONE = "one"
    FIVE = "5"
    THIRTY = "30"
    UNMASKED = "unmasked"


WORKERS = {Arm.ONE: 1, Arm.FIVE: 5, Arm.THIRTY: 30}


def raw_name(name: str) -> str:
    """Return the name of the recording of the same fleet without a mask."""
    return f"{name}-raw"


def with_workers(recording: FleetRecording, arm: Arm, seed: int) -> FleetRecording:
    """Return a recording with the votes of an arm's workers, drawn by `seed`."""
    count = WORKERS.get(arm)
    if count is None:
        return recording
    nodes = sorted({vote.node for one in recording.decisions for vote in one.votes})
    chosen = set(Random(seed).sample(nodes, min(count, len(nodes))))
    decisions = tuple(_of_workers(one, chosen) for one in recording.decisions)
    return msgspec.structs.replace(recording, decisions=decisions)


def changed(opinions: Sequence[DeliveredOpinion], arm: Arm, seed: int) -> list[DeliveredOpinion]:
    """Return the opinions that a run of an arm receives; `seed` chooses rotation and mixing."""
    every = list(opinions)
    match arm:
        case Arm.NONE:
            every = []
        case Arm.INVERTED:
            every = [msgspec.structs.replace(one, score=-one.score) for one in every]
        case Arm.DELAYED_BAR:
            every = [msgspec.structs.replace(one, at=one.at + BAR) for one in every]
        case Arm.DELAYED_SESSION:
            every = _moved(every, 1, wraps=False)
        case Arm.ROTATED:
            sessions = len({_session(one.decided) for one in every})
            by = Random(seed).randrange(1, sessions) if sessions > 1 else 0
            every = _moved(every, by, wraps=True)
        case Arm.RANDOM:
            every = _mixed(every, seed)
        case _:
            pass
    return in_order(every)


def _of_workers(one: RecordedDecision, chosen: set[str]) -> RecordedDecision:
    votes = [vote for vote in one.votes if vote.node in chosen]
    return msgspec.structs.replace(
        one,
        opinions=tuple(
            RecordedOpinion(
                instrument=name,
                score=fmean(vote.score for vote in votes if vote.instrument == name),
                confidence=fmean(vote.confidence for vote in votes if vote.instrument == name),
                votes=sum(vote.instrument == name for vote in votes),
            )
            for name in sorted({vote.instrument for vote in votes})
        ),
    )


def _session(at: int) -> int:
    """Return the day number of the session of a moment (UTC ns)."""
    return _local(at).toordinal()


def _local(at: int) -> datetime:
    """Return the time in Chicago, seven hours ahead: a session is one day of it."""
    local = datetime.fromtimestamp(at // SECOND, CHICAGO).replace(tzinfo=None)
    return local + OPENS


def _moved(every: list[DeliveredOpinion], by: int, *, wraps: bool) -> list[DeliveredOpinion]:
    """Return opinions moved by whole sessions, at the same time of day in Chicago.

    The contract is the one that the other session's opinions are about, where it has one. The last
    sessions go to the first ones where it `wraps`, and are dropped otherwise.
    """
    days = sorted({_session(one.decided) for one in every})
    contracts = {_session(one.decided): one.instrument for one in reversed(every)}
    traded = {day: {o.instrument for o in every if _session(o.decided) == day} for day in days}
    found = []
    for one in every:
        place = days.index(_session(one.decided)) + by
        if place >= len(days) and not wraps:
            continue
        day = days[place % len(days)]
        apart = timedelta(days=day - _session(one.decided))
        same = one.instrument in traded[day]
        found.append(
            msgspec.structs.replace(
                one,
                at=_shifted(one.at, apart),
                decided=_shifted(one.decided, apart),
                instrument=one.instrument if same else contracts[day],
            )
        )
    return found


def _shifted(at: int, apart: timedelta) -> int:
    """Return a moment so many days away at the same time of day in Chicago, UTC ns."""
    local = datetime.fromtimestamp(at // SECOND, CHICAGO).replace(tzinfo=None) + apart
    return int(local.replace(tzinfo=CHICAGO).timestamp()) * SECOND + at % SECOND


def _mixed(every: list[DeliveredOpinion], seed: int) -> list[DeliveredOpinion]:
    """Return opinions with scores and confidences exchanged at random: same rate, same sides."""
    drawn = every[:]
    Random(seed).shuffle(drawn)
    return [
        msgspec.structs.replace(one, score=other.score, confidence=other.confidence)
        for one, other in zip(every, drawn, strict=True)
    ]
