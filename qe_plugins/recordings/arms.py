"""Arms of an ablation: the same recording with its votes kept, moved, mixed or turned round.

Each arm has the fleet's own rate of opinions, so that a difference between two arms is one of
knowledge and not of trading more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random

import msgspec

from qe_plugins.market.exchange_zone import CHICAGO, session_date
from qe_plugins.recordings.delivery import SECOND, DeliveredOpinion, in_order
from qe_plugins.recordings.pooling import opinions_of
from qe_plugins.recordings.records import FleetRecording, RecordedDecision

BAR = 60 * SECOND


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
            sessions = len({session_date(one.decided) for one in every})
            by = Random(seed).randrange(1, sessions) if sessions > 1 else 0
            every = _moved(every, by, wraps=True)
        case Arm.RANDOM:
            every = _mixed(every, seed)
        case _:
            pass
    return in_order(every)


def _of_workers(one: RecordedDecision, chosen: set[str]) -> RecordedDecision:
    votes = [vote for vote in one.votes if vote.node in chosen]
    return msgspec.structs.replace(one, opinions=opinions_of(votes))


def _moved(every: list[DeliveredOpinion], by: int, *, wraps: bool) -> list[DeliveredOpinion]:
    """Return opinions moved by whole sessions, at the same time of day in Chicago.

    The contract is the one that the other session's opinions are about, where it has one. The last
    sessions go to the first ones where it `wraps`, and are dropped otherwise.
    """
    sessions = [session_date(one.decided) for one in every]
    days = sorted(set(sessions))
    places = {day: place for place, day in enumerate(days)}
    traded: dict[date, dict[str, None]] = {day: {} for day in days}
    for day, one in zip(sessions, every, strict=True):
        traded[day][one.instrument] = None
    found = []
    for before, one in zip(sessions, every, strict=True):
        place = places[before] + by
        if place >= len(days) and not wraps:
            continue
        day = days[place % len(days)]
        same = one.instrument in traded[day]
        found.append(
            msgspec.structs.replace(
                one,
                at=_shifted(one.at, day - before),
                decided=_shifted(one.decided, day - before),
                instrument=one.instrument if same else next(iter(traded[day])),
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
