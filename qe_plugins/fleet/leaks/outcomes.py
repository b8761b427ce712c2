"""What happened after each vote of a recording: the basis of effective votes and calibration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from qe_plugins.errors import FleetError
from qe_plugins.fleet.leaks.check import fleet_of
from qe_plugins.fleet.tasks.snapshot import MINUTE
from qe_plugins.fleet.tasks.snapshot_loader import open_market
from qe_plugins.recordings.calibration import probability_up
from qe_plugins.recordings.folder import read
from qe_plugins.recordings.records import FleetRecording, RecordedDecision
from qe_plugins.recordings.vote_groups import JudgedVote, groups_by, measured_group

SECOND = 1_000_000_000


def measured(name: str, horizon: int) -> dict[str, Any]:
    """Return `votes` and `calibration` of a recording; `horizon` is in minutes from delivery.

    `by_model` and `by_prompt` have the same of each group. An outcome is whether the contract rose
    from the first close at or after the delivery until the horizon. Raises FleetError where no
    decision has one, or where fewer than two workers voted.
    """
    recording = read(name)
    loaded = fleet_of(recording.info)
    bars = {
        str(one): of.sort("ts") for (one,), of in open_market(loaded).frame.group_by("instrument")
    }
    votes = list(_judged(recording, bars, horizon))
    if not votes:
        raise FleetError("has no vote with a known outcome.", where=f"recording {name}")
    assumed = loaded.fleet.assumed_correlation
    whole = measured_group("all", votes, assumed)
    if whole.effective is None:
        raise FleetError("has votes of one worker only.", where=f"recording {name}")
    return {
        "recording": name,
        "horizon_minutes": horizon,
        "votes": whole.effective,
        "calibration": whole.calibration,
        "by_model": groups_by("model", votes, assumed),
        "by_prompt": groups_by("prompt", votes, assumed),
    }


def _judged(
    recording: FleetRecording, bars: dict[str, pl.DataFrame], horizon: int
) -> Iterator[JudgedVote]:
    for number, one in enumerate(recording.decisions):
        for vote in one.votes:
            rose = _rose(bars.get(vote.instrument), one, horizon)
            if rose is not None and vote.score:
                yield JudgedVote(
                    decision=number,
                    node=vote.node,
                    model=vote.model,
                    prompt=vote.kind,
                    said=probability_up(vote.score, vote.confidence),
                    up=vote.score > 0,
                    rose=rose,
                )


def _rose(bars: pl.DataFrame | None, one: RecordedDecision, horizon: int) -> bool | None:
    if one.latency is None:
        return None
    return rose_after(bars, one.at + round(one.latency * SECOND), horizon)


def rose_after(bars: pl.DataFrame | None, delivered: int, horizon: int) -> bool | None:
    """Return whether the price rose in the minutes after a moment (UTC ns).

    None where it did not move, or where the bars, sorted by time, do not have it.
    """
    if bars is None:
        return None
    closes = bars["ts"].to_numpy()
    first = int(closes.searchsorted(delivered))
    last = int(closes.searchsorted(delivered + horizon * MINUTE))
    if last >= len(closes) or closes[last] > delivered + 2 * horizon * MINUTE:
        return None
    moved = float(bars["close"][last]) - float(bars["close"][first])
    return moved > 0 if moved else None
