"""Measurements of a recording in the journal: one trial for a recording and a definition.

A measure tried with many definitions until one pleases is a search, and a significance test has to
count it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from qe_plugins.journal.store import Journal
from qe_plugins.journal.trials import trial_facts
from qe_plugins.recordings.records import FleetRecording


def register(
    measure: str,
    recording: FleetRecording,
    definition: Mapping[str, Any],
    figures: Mapping[str, Any],
    started: datetime,
) -> str | None:
    """Write a measurement as a trial and return its run; None where the journal has it already.

    `measure` is its name, `definition` the settings that it depends on besides the recording.
    """
    name, sha256 = recording.info.name, recording.sha256
    settings = {"recording": name, "recording_sha256": sha256, **definition}
    key = hashlib.sha256(msgspec.json.encode([measure, settings], order="sorted")).hexdigest()[:16]
    run_id = f"{measure}-{name}-{key}"
    ts = recording.info.points[-1]
    trial = {
        "key": key,
        "state": "finished",
        "settings": settings,
        "figures": {name: _finite(value) for name, value in figures.items()},
    }
    facts = trial_facts(ts, {"name": f"{measure} {name}"}, {1: trial})
    with Journal.open() as journal:
        if any(run.run_id == run_id for run in journal.runs()):
            return None
        journal.write_run(run_id, f"{measure} {name}", started, facts)
    return run_id


def _finite(value: Any) -> Any:
    """Return a figure as JSON has it: None where it is undefined."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
