"""`qe desk` on a compressed day beside a real session, killed by SIGKILL in each of its phases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from qe_plugins import state_dir
from qe_plugins.desk.records import StepKind
from qe_plugins.journal.facts import FactKind, RunFact
from qe_plugins.journal.store import Journal
from tests.command import ROOT, qe

PATIENCE = 1_200.0
PHASES = (StepKind.SESSION, StepKind.GUARD, StepKind.HUNT, StepKind.REVIEW, StepKind.PARITY)
DATA = {"synthetic": {"root": "MES", "sessions": 1, "seed": 7}}


def files(folder: Path) -> Path:
    """Write a session of one day and its desk, and return the desk's file."""
    session = folder / "session.yaml"
    base = ROOT / "configs" / "backtest" / "team_session.yaml"
    session.write_text(yaml.safe_dump({"extends": str(base), "data": DATA}), encoding="utf-8")
    desk = {
        "extends": str(ROOT / "configs" / "fleet" / "team.yaml"),
        "data": DATA,
        "schedule": {"every": "1h"},
        "desk": {"session": {"config": str(session), "replay": "config", "speed": 150}},
    }
    file = folder / "desk.yaml"
    file.write_text(yaml.safe_dump(desk), encoding="utf-8")
    return file


def started(file: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "qe_plugins.cli", "desk", str(file)]
    with log.open("ab") as out:
        return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=out, stderr=out)


def steps() -> list[RunFact]:
    if not Journal.exists():
        return []
    with Journal.open() as journal:
        return journal.page(kinds=[FactKind.STEP], limit=10_000)


def wait_for(kind: StepKind, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a step of a kind has begun that no earlier process began."""
    known, until = len(steps()), time.monotonic() + PATIENCE
    while time.monotonic() < until:
        new = steps()[known:]
        if any(one.fact.body["step"].startswith(f"{kind}:") for one in new):
            return
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.25)
    raise AssertionError(f"no {kind} within {PATIENCE:.0f} s")


@pytest.mark.long
def test_a_desk_killed_in_each_phase_repeats_nothing_and_its_report_is_complete(tmp_path):
    file, log = files(tmp_path), tmp_path / "desk.log"
    for phase in PHASES:
        process = started(file, log)
        wait_for(phase, process, log)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = started(file, log)
    assert process.wait(PATIENCE) == 0, log.read_text(encoding="utf-8")

    with Journal.open() as journal:
        first = journal.first_facts()
        [session] = [run for run, fact in first.items() if fact.body.get("mode") == "paper"]
        [day] = [run for run, fact in first.items() if fact.body.get("mode") == "desk"]
        facts = journal.facts(session)
        ended = journal.facts(day, [FactKind.STEP])
        assert journal.open_runs() == []
        assert journal.verify() == []
    votes = Counter(str(fact.body["facts"]["hunt"]) for fact in facts if fact.kind is FactKind.VOTE)
    done = Counter(fact.body["step"] for fact in ended if fact.body["state"] == "done")
    assert votes
    assert max(votes.values()) <= 2  # one for each contract
    assert set(done.values()) == {1}
    assert set(votes) <= set(done)
    entries = [
        fact for fact in facts if fact.kind is FactKind.ORDER and fact.body["type"] == "MARKET"
    ]
    assert len({fact.cause for fact in entries}) == len(entries)
    assert "report:nightly" in done
    page = next((state_dir.state_dir() / "reports").glob("*.html")).read_text(encoding="utf-8")
    assert "hunts, " in page
    assert "P&amp;L after fees and models" in page
    traced = qe("journal", "trace", "last", "--run", session)
    assert "models   hunt:" in traced.stdout
