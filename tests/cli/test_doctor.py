"""`qe doctor` says what is missing, what to do, and fails only for what has to be mended."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from qe_plugins.cli import doctor
from qe_plugins.errors import QeError


def found(*options: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the exit code and the checks by name, keys left out."""
    done = CliRunner().invoke(doctor.doctor, ["--json", *options])
    return done.exit_code, {one["name"]: one for one in json.loads(done.stdout)}


def test_a_machine_that_can_run_a_backtest_fails_nothing():
    code, checks = found()
    assert code == 0
    assert {one["verdict"] for one in checks.values()} <= {"ok", "note"}
    assert checks["engine"]["text"].startswith("nautilus_trader ")
    assert checks["journal"]["text"] == "none yet: the first run makes it"


def test_a_gateway_that_listens_is_found():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _, there = found("--gateway", f"127.0.0.1:{port}")
    _, gone = found("--gateway", f"127.0.0.1:{port}")
    assert (there["gateway"]["verdict"], gone["gateway"]["verdict"]) == ("ok", "note")
    assert "qe rehearse" in gone["gateway"]["hint"]


def test_keys_are_said_to_be_set_and_never_shown(monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", "hush")
    done = CliRunner().invoke(doctor.doctor, [])
    assert "DATABENTO_API_KEY is set" in done.output
    assert "hush" not in done.output


def test_a_state_folder_that_is_a_file_has_to_be_mended(tmp_path: Path, monkeypatch):
    place = tmp_path / "file"
    place.write_text("")
    monkeypatch.setenv("QE_HOME", str(place))
    code, checks = found()
    assert code == 1
    assert checks["folder"]["verdict"] == "failed"


def test_a_journal_that_is_none_has_to_be_mended(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    (tmp_path / "journal.sqlite").write_bytes(b"no database at all, by far" * 100)
    code, checks = found()
    assert code == 1
    assert checks["journal"]["verdict"] == "failed"


def test_a_clock_before_the_engine_was_made_is_wrong(monkeypatch):
    monkeypatch.setattr(doctor.wall_clock, "now", lambda: datetime(1970, 1, 2, tzinfo=UTC))
    code, checks = found()
    assert (code, checks["clock"]["verdict"]) == (1, "failed")


@pytest.mark.parametrize("text", ["localhost", ":4002", "host:port", "host:0", "host:70000"])
def test_a_gateway_is_host_and_port(text):
    done = CliRunner().invoke(doctor.doctor, ["--gateway", text])
    assert isinstance(done.exception, QeError)
    assert "is not HOST:PORT" in str(done.exception)
