"""`qe halt`, `qe resume`, `qe status`: the file first, the journal second, a person for the end."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from qe_plugins import state_dir
from qe_plugins.cli import cli
from qe_plugins.errors import QeError
from qe_plugins.halt import facts, status
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import Reading, SessionStatus, this_process, write_status
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from tests.command import ROOT

NOW = datetime(2026, 1, 2, 14, 31, tzinfo=UTC)


def qe(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args), catch_exceptions=True)


def in_terminal(*args: str) -> tuple[int, str]:
    """Run `qe` with a terminal as its standard input."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "qe_plugins.cli", *args],
            cwd=ROOT,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout + done.stderr


def halts() -> list[tuple[FactKind, dict[str, Any]]]:
    """Return the halts and resumes that the journal has."""
    kinds = (FactKind.HALT, FactKind.RESUME)
    with Journal.open() as journal:
        return [
            (fact.kind, fact.body)
            for run in journal.runs()
            for fact in journal.facts(run.run_id, kinds)
        ]


@contextmanager
def locked_journal() -> Iterator[None]:
    """Hold the journal's write lock, as a process that hangs would."""
    with Journal.open():
        pass
    holder = sqlite3.connect(state_dir.state_dir() / "journal.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.close()


def session(run_id: str = "20260102-143000-mes", **changes: Any) -> SessionStatus:
    pid, host = this_process()
    fields = {
        "run_id": run_id,
        "name": "mes",
        "mode": "paper",
        "pid": pid,
        "host": host,
        "started": NOW,
        "engine_time": NOW,
        "wall_time": NOW,
        "last_bars": {"MESH26.XCME": NOW},
        "positions": {"MESH26.XCME": Decimal(-1)},
        "equity": Decimal("99880.5"),
        "day_pnl": Decimal("-119.5"),
        "last_decision": "LONG vetoed by limits",
        "readings": {"daily_loss": Reading(text="-119.50 of -150.00 USD")},
    }
    return SessionStatus(**fields | changes)


def test_a_halt_is_in_force_and_in_the_journal():
    result = qe("halt", "news", "at 14:30")

    assert result.exit_code == 0
    assert "news at 14:30" in result.stdout
    halt = HaltLatch.at_home().read()
    assert halt is not None
    assert (halt.reason, halt.source) == ("news at 14:30", "person")
    assert halt.by
    assert halts() == [(FactKind.HALT, {"reason": "news at 14:30", "by": halt.by})]


def test_a_second_halt_adds_its_reason_and_its_fact():
    qe("halt", "first")
    qe("halt", "second")

    halt = HaltLatch.at_home().read()
    assert halt is not None
    assert [halt.reason, *(one.reason for one in halt.later)] == ["first", "second"]
    assert [body["reason"] for _, body in halts()] == ["first", "second"]


def test_a_halt_holds_while_the_journal_is_locked_and_warns(monkeypatch):
    monkeypatch.setattr(facts, "PATIENCE", 0.2)
    with locked_journal():
        result = qe("halt", "news")

    assert result.exit_code == 0
    assert "warning: not in the journal: the journal did not answer within 0.2 s." in result.stderr
    assert "The halt is in force." in result.stderr
    assert HaltLatch.at_home().read() is not None


def test_a_halt_holds_while_the_journal_is_down_and_warns(monkeypatch):
    monkeypatch.setenv("QE_JOURNAL_URL", "sqlite:////dev/null/journal.sqlite")
    result = qe("halt", "news")

    assert result.exit_code == 0
    assert "warning: not in the journal: " in result.stderr
    assert HaltLatch.at_home().read() is not None


@pytest.mark.parametrize("command", ["halt", "resume"])
def test_a_reason_must_be_given(command):
    assert qe(command).exit_code == 2
    empty = qe(command, "  ")
    assert isinstance(empty.exception, QeError)
    assert "the reason is empty" in str(empty.exception)


def test_without_a_terminal_a_halt_stays_in_force():
    qe("halt", "news")
    result = qe("resume", "over")

    assert isinstance(result.exception, QeError)
    assert "a halt is ended by a person at a terminal" in str(result.exception)
    assert result.exception.exit_code == 2
    assert HaltLatch.at_home().read() is not None
    assert [kind for kind, _ in halts()] == [FactKind.HALT]


def test_a_person_at_a_terminal_ends_the_halt():
    qe("halt", "news")
    halt = HaltLatch.at_home().read()
    code, said = in_terminal("resume", "news", "are", "out")

    assert code == 0, said
    assert halt is not None
    assert f"was {halt.line}" in said
    assert HaltLatch.at_home().read() is None
    assert halts()[1:] == [
        (FactKind.RESUME, {"reason": "news are out", "by": halt.by, "ended": halt.line})
    ]
    code, said = in_terminal("resume", "again")
    assert (code, said) == (0, "not halted\n")


def test_a_halt_that_cannot_be_read_is_ended_in_the_same_way():
    latch = HaltLatch.at_home()
    latch.file.parent.mkdir(parents=True)
    latch.file.write_bytes(b"{")
    code, said = in_terminal("resume", "looked at it")

    assert code == 0, said
    assert "counts as a halt" in said
    assert latch.read() is None


def test_the_status_of_a_fresh_installation_is_printed_and_creates_nothing():
    result = qe("status")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:3] == [
        "halt      none",
        "sessions  none",
        "journal   writable",
    ]
    assert not state_dir.state_dir().exists()


def test_the_status_says_what_is_halted_and_what_runs():
    qe("halt", "news")
    write_status(session())
    shown = qe("status").stdout

    for what in (
        *("halted since", "news", "20260102-143000-mes  paper  running", "position -1"),
        *("last bar 2026-01-02 14:31:00 UTC", "equity 99,880.50 USD", "P&L of the day -119.50 USD"),
        *("last decision: LONG vetoed by limits", "daily_loss: -119.50 of -150.00 USD"),
    ):
        assert what in shown


def test_the_status_as_json_has_all_of_it():
    write_status(session())
    found = json.loads(qe("status", "--json").stdout)

    assert (found["halted"], found["journal"]["writable"]) == (False, True)
    [seen] = found["sessions"]
    assert seen["state"] == "running"
    assert seen["status"]["positions"] == {"MESH26.XCME": -1}
    assert found["disk"]["free_bytes"] > 0


def test_a_session_whose_process_ended_has_died_and_one_without_heartbeat_is_silent():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_status(session("died", pid=ended.pid))
    write_status(session("silent"))
    late = state_dir.state_dir() / "sessions" / "silent.json"
    os.utime(late, (late.stat().st_mtime - 60, late.stat().st_mtime - 60))
    seen = {one.status.run_id: one.state for one in status.read_sessions()[0]}

    assert seen == {"died": "died", "silent": "silent"}
    shown = qe("status").stdout
    assert "died  paper  DIED" in shown
    assert "silent  paper  SILENT" in shown


def test_a_session_that_ended_is_not_listed_and_a_broken_file_is_said():
    write_status(session("ended"))
    status.remove_status("ended")
    (status.sessions_dir() / "broken.json").write_text("{")
    result = qe("status")

    assert result.exit_code == 0
    assert "sessions  none" in result.stdout
    assert "cannot be read: " in result.stdout


def test_the_status_answers_while_the_journal_is_locked(monkeypatch):
    monkeypatch.setattr("qe_plugins.cli.live.status.PATIENCE", 0.2)
    with locked_journal():
        result = qe("status")

    assert result.exit_code == 0
    assert "journal   NOT WRITABLE: it did not answer within 0.2 s." in result.stdout
