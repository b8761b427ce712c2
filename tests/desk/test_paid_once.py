"""A desk killed with SIGKILL while its hunts are paid for, on a vendor that keeps its own bill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.desk.day_journal import DeskDayJournal, run_id_of
from qe_plugins.desk.records import StepKind, StepRecord, StepState
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan.estimate import plan as price
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.recordings.folder import folder_of
from qe_plugins.recordings.postures import PostureFile
from tests.command import ROOT
from tests.desk.days import DAY, plan, utc
from tests.desk.desk_process import NAME, RUN
from tests.fleet.models import KEYS, ONE_VENDOR, Vendor, fleet_on, vendor

IN_FLIGHT = 2
CALLS = 6 + 1 + 1 + 1
RANKS = ONE_VENDOR | {
    "captain": ONE_VENDOR["captain"] | {"count": 1},
    "supervisor": ONE_VENDOR["supervisor"] | {"count": 2},
    "worker": ONE_VENDOR["worker"] | {"count": 3},
}
DATA = {"synthetic": {"root": "MES", "sessions": 2, "seed": 7, "start": "2024-01-02"}}


def fleet(server: Vendor, folder: Path, **changes: object) -> Path:
    return fleet_on(
        server,
        folder,
        name=NAME,
        data=DATA,
        ranks=RANKS,
        calls={"concurrency": IN_FLIGHT, "timeout": "20s"},
        desk={"root": "MES", "hunt": "scan", "roles": []},
        **changes,
    )


def desk(file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.desk.desk_process", str(file)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | KEYS)


def steps() -> dict[str, StepRecord]:
    with Journal.open() as journal:
        day = DeskDayJournal(journal, run_id_of(NAME, DAY))
        for fact in journal.facts(day.run_id, [FactKind.STEP]):
            day._read(fact)
    return day.steps


def of(kind: StepKind, found: dict[str, StepRecord]) -> list[StepRecord]:
    return [one for one in found.values() if one.step.kind is kind]


@pytest.mark.long  # two processes that import the engine; `test_next_step.py` is the small sample
@pytest.mark.parametrize("calls", [1, CALLS, CALLS + 4])
def test_no_scan_is_paid_twice_and_a_day_without_budget_keeps_guarding(calls, tmp_path):
    with vendor(tmp_path, latency=0.05) as server:
        file = fleet(server, tmp_path)
        each = sum(one.now for one in price(load(file).fleet).lines)
        file = fleet(server, tmp_path, budgets={"day": f"{2 * each} USD"})
        first = desk(file)
        server.wait_for(calls)
        assert first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert desk(file).wait(300) == 0
        paid, unique = len(server.paid), server.unique

    found = steps()
    hunts = [one for one in of(StepKind.HUNT, found) if one.state is StepState.DONE]
    assert paid - unique <= IN_FLIGHT  # a call that was in flight at the kill is in doubt
    assert 0 < len(hunts) < len(plan().hunts)
    assert len(folder_of(f"{NAME}-live").decisions()) == len(hunts)
    with Ledger() as ledger:
        spent = sum((row.usd for row in ledger.costs("scan")), Decimal(0))
    assert 0 < sum(one.usd for one in of(StepKind.HUNT, found)) <= spent  # the rest is in doubt
    guards = [one for one in of(StepKind.GUARD, found) if one.state is StepState.DONE]
    assert (
        max(one.step.due for one in guards) > utc("03 18:00") > max(one.step.due for one in hunts)
    )
    assert found["report:nightly"].state is StepState.DONE
    published = PostureFile(RUN).read()
    assert len(published) == len({one.session for one in published}) == len(guards)
