"""`qe paper` as a trader uses it: its lines, its report, Ctrl-C, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from qe_plugins.cli.live import paper
from qe_plugins.engine.live import faked_clock
from tests.command import ROOT, qe

QUICKSTART = "configs/backtest/quickstart.yaml"
FEW = ("--set", "data.synthetic.sessions=2", "--set", "data.synthetic.contracts=1")
OWN = ("--replay", "config")


def test_a_session_shows_its_decisions_and_writes_its_report() -> None:
    done = qe("paper", QUICKSTART, *OWN, *FEW, "--speed", "max", "--engine", "stream")
    assert done.returncode == 0, done.stderr
    assert "paper session" in done.stderr
    assert "Chicago" in done.stderr
    assert "UTC" in done.stderr
    assert "  fill    " in done.stderr
    assert "Paper session: " in done.stdout
    listed = json.loads(qe("runs", "--json").stdout)
    assert [one["mode"] for one in listed] == ["paper"]
    assert qe("report", "last").returncode == 0
    assert qe("journal", "verify").returncode == 0


def test_recorded_data_must_be_named() -> None:
    done = qe("paper", QUICKSTART)
    assert done.returncode == 2
    assert "--replay config" in done.stderr


def test_a_folder_that_is_not_there_is_refused() -> None:
    done = qe("paper", QUICKSTART, "--replay", "nowhere")
    assert done.returncode == 2
    assert "no such folder" in done.stderr


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan"])
def test_a_speed_that_is_none_is_refused(speed: str) -> None:
    done = qe("paper", QUICKSTART, *OWN, "--speed", speed)
    assert done.returncode == 2
    assert "must be a number" in done.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_stop_signal_ends_it_with_a_report(number: signal.Signals) -> None:
    session = subprocess.Popen(
        [sys.executable, "-m", "qe_plugins.cli", "paper", QUICKSTART, *OWN, *FEW],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with session:
        assert session.stderr is not None
        assert session.stdout is not None
        for line in session.stderr:
            if "flat" in line:
                break
        session.send_signal(number)
        printed = session.stdout.read()
    assert session.returncode == 0
    assert "Paper session: " in printed
    assert qe("journal", "verify").returncode == 0


def test_without_faketime_it_says_so_and_streams(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(faked_clock, "library", lambda: None)
    assert paper.clock_for(None) == "stream"
    said = capsys.readouterr().err
    assert "faketime" in said
    assert said.count("\n") == 1
