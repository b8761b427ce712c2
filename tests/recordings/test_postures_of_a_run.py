"""Postures of a run: every run has them, however long the name of its file is."""

from __future__ import annotations

from datetime import UTC, datetime

from qe_plugins.journal.facts import run_id_of
from qe_plugins.plugins.types import Posture
from qe_plugins.recordings.postures import PublishedPosture, of_run

STARTED = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def test_a_run_with_a_long_name_has_postures_of_its_own():
    first = run_id_of(STARTED, "a long name " * 12)
    second = run_id_of(STARTED.replace(minute=31), "a long name " * 12)
    posture = Posture(reason="news", halt=True, valid_until=2)
    of_run(first).append(PublishedPosture(decided=0, posture=posture, session="guard:1"))

    assert of_run(first).in_force(1) == posture
    assert of_run(second).read() == []
