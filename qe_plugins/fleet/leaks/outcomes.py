"""What happened after each vote of a recording: the basis of effective votes and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from qe_plugins.errors import FleetError
from qe_plugins.fleet.leaks.check import fleet_of
from qe_plugins.fleet.tasks.snapshot import MINUTE
from qe_plugins.fleet.tasks.snapshot_loader import open_market
from qe_plugins.recordings.calibration import calibration, probability_up
from qe_plugins.recordings.effective_votes import effective_votes
from qe_plugins.recordings.folder import read
from qe_plugins.recordings.records import FleetRecording, RecordedDecision

SECOND = 1_000_000_000


def measured(name: str, horizon: int) -> dict[str, Any]:
    """Return `votes` and `calibration` of a recording; `horizon` is in minutes from delivery.

    An outcome is whether the contract rose from the first close at or after the delivery until the
    horizon. Raises FleetError where no decision has one.
    """
    recording = read(name)
    loaded = fleet_of(recording.info)
    bars = {
        str(one): of.sort("ts") for (one,), of in open_market(loaded).frame.group_by("instrument")
    }
    said, truth, errors = _against_outcomes(recording, bars, horizon)
    if not len(said):
        raise FleetError("has no vote with a known outcome.", where=f"recording {name}")
    return {
        "recording": name,
        "horizon_minutes": horizon,
        "votes": effective_votes(errors, loaded.fleet.assumed_correlation),
        "calibration": calibration(said, truth),
    }


def _against_outcomes(
    recording: FleetRecording, bars: dict[str, pl.DataFrame], horizon: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return stated probabilities, outcomes, and a matrix of errors: decisions by workers."""
    nodes = sorted({vote.node for one in recording.decisions for vote in one.votes})
    columns = {node: number for number, node in enumerate(nodes)}
    said: list[float] = []
    truth: list[float] = []
    rows: list[np.ndarray] = []
    for one in recording.decisions:
        row = np.full(len(nodes), np.nan)
        for vote in one.votes:
            rose = _rose(bars.get(vote.instrument), one, horizon)
            if rose is not None and vote.score:
                said.append(probability_up(vote.score, vote.confidence))
                truth.append(float(rose))
                row[columns[vote.node]] = float((vote.score > 0) != rose)
        if not np.isnan(row).all():
            rows.append(row)
    return np.array(said), np.array(truth), np.array(rows)


def _rose(bars: pl.DataFrame | None, one: RecordedDecision, horizon: int) -> bool | None:
    if bars is None or one.latency is None:
        return None
    closes = bars["ts"].to_numpy()
    delivered = one.at + round(one.latency * SECOND)
    first = int(closes.searchsorted(delivered))
    last = int(closes.searchsorted(delivered + horizon * MINUTE))
    if last >= len(closes) or closes[last] > delivered + 2 * horizon * MINUTE:
        return None
    moved = float(bars["close"][last]) - float(bars["close"][first])
    return moved > 0 if moved else None
