"""Each session's day is checked once, in the maintenance break, by a process of its own."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qe_plugins.guard.nightly import NightlyParity, ParityResult
from qe_plugins.halt.status import SeenSession, SessionStatus

BREAK = datetime(2026, 12, 1, 22, 20, tzinfo=UTC)
"""16:20 in Chicago."""

SESSION = SeenSession(
    state="running",
    age=0.1,
    status=SessionStatus(
        run_id="run-1",
        name="mes",
        mode="live",
        pid=1,
        host="here",
        started=BREAK,
        engine_time=BREAK,
        wall_time=BREAK,
    ),
)


def nightly(folder: Path, code: int, said: str = "clean") -> NightlyParity:
    script = f"import sys; print({said!r}, sys.argv[2]); sys.exit({code})"
    return NightlyParity(folder, [sys.executable, "-c", script])


def result(one: NightlyParity, at: datetime = BREAK) -> ParityResult:
    end = time.monotonic() + 20
    while (found := one.act(at, [SESSION], is_open=False)) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_a_clean_day_is_said_once_a_day_also_after_a_restart(tmp_path):
    found = result(nightly(tmp_path, 0))

    assert (found.is_clean, found.line) == (True, "parity of run-1: clean run-1")
    again = nightly(tmp_path, 0)
    assert again.act(BREAK, [SESSION], is_open=False) is None
    assert not again._daily.is_running
    assert result(again, BREAK + timedelta(days=1)).is_clean


@pytest.mark.parametrize(
    ("code", "said"),
    [(1, "parity of run-1: red run-1"), (2, "parity of run-1: the check failed with exit code 2")],
)
def test_a_day_that_is_not_clean_and_a_check_that_fails_are_results(tmp_path, code, said):
    found = result(nightly(tmp_path, code, "red"))

    assert not found.is_clean
    assert found.line.startswith(said)


@pytest.mark.parametrize(
    ("at", "sessions", "is_open"),
    [
        (BREAK, [SESSION], True),
        (BREAK, [], False),
        (BREAK + timedelta(hours=8), [SESSION], False),
    ],
    ids=["market open", "no session", "closed, and no break"],
)
def test_no_check_is_started_elsewhen(tmp_path, at, sessions, is_open):
    one = nightly(tmp_path, 0)

    assert one.act(at, sessions, is_open=is_open) is None
    assert not one._daily.is_running
