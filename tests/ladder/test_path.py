"""The whole path in replay: proposed, refused, on a rung, demoted by itself, and up again.

A process that is killed in a transition finds the state before it or after it, never another.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from qe_plugins.cli import cli
from qe_plugins.config.loader import load
from qe_plugins.engine.live.session import SessionOptions, run_session
from qe_plugins.engine.live.view import SessionView
from qe_plugins.errors import JournalError, LadderError
from qe_plugins.journal.facts import Fact, FactKind, RunState
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.guard import guard_of
from qe_plugins.ladder.page_panel import LadderPanel
from qe_plugins.ladder.panel import demotion_line, ladder_panel
from qe_plugins.research.parity.check import check_parity
from qe_plugins.research.parity.recorded_session import find_session
from tests.command import ROOT
from tests.ladder.climber import NAME, Climber

KILLED = """
import os, signal, sys
from qe_plugins.journal import store
from qe_plugins.ladder import proposals, demotions
from qe_plugins.ladder.rungs import load_ladder

file, ladder = sys.argv[1:]
insert, write = store.insert_run, store.Journal.write_run

def killed_inside(*given):
    insert(*given)
    os.kill(os.getpid(), signal.SIGKILL)

def killed_after(*given):
    write(*given)
    os.kill(os.getpid(), signal.SIGKILL)

def make(moment, action):
    if moment == "inside":
        store.insert_run = killed_inside
    else:
        store.Journal.write_run = killed_after
    with store.Journal.open() as journal:
        if action == "propose":
            proposals.propose(journal, file)
        elif action.startswith("confirm"):
            proposals.confirm(journal, action.partition(" ")[2])
        else:
            demotions.settle(journal, load_ladder(ladder), "climber")

for line in sys.stdin:
    if not (child := os.fork()):
        make(*line.strip().split(" ", 1))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Makes each transition in a child that is killed inside or after its transaction."""


class Killer:
    """Makes transitions of a strategy in processes that are killed while they write."""

    def __init__(self, climber: Climber) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(climber.file), str(climber.ladder_file)],
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self, moment: str, action: str) -> None:
        """Make a transition and be killed `inside` or `after` its transaction."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{moment} {action}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == str(-signal.SIGKILL)

    def close(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


@pytest.fixture
def killer(climber: Climber) -> Iterator[Killer]:
    made = Killer(climber)
    yield made
    made.close()


def ladder(*arguments: object) -> Result:
    """Return the result of `qe ladder` in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["ladder", *map(str, arguments)])


def state(climber: Climber) -> tuple[str, str]:
    found = climber.now().standing
    return found.rung, found.state


def test_a_killed_process_leaves_the_state_before_or_after_a_transition(
    climber: Climber, killer: Killer
) -> None:
    killer.kill("inside", "propose")
    assert state(climber) == ("backtest", "off")
    killer.kill("after", "propose")
    assert state(climber) == ("backtest", "proposed")
    pending = climber.now().standing.pending
    assert pending is not None
    killer.kill("inside", f"confirm {pending.id}")
    assert state(climber) == ("backtest", "proposed")
    killer.kill("after", f"confirm {pending.id}")
    assert state(climber) == ("1 MES", "on rung")
    climber.session([1.0], parity="red")
    killer.kill("inside", "settle")
    assert state(climber) == ("1 MES", "on rung")
    killer.kill("after", "settle")
    assert state(climber) == ("backtest", "demoted")
    assert climber.settle() == []
    assert climber.journal.verify() == []


class Replay:
    """A paper session on its ladder; `when` is called with every view until it returns True."""

    def __init__(self, climber: Climber, when: Any = lambda _: True) -> None:
        self._when, self._done = when, False
        self.climber = climber

    def run(self, resume: Any = None) -> list[Fact]:
        """Run it to its end and return its facts."""
        guard, settings = guard_of(self.climber.file, [], "paper", resume)
        assert guard is not None
        with guard:
            options = SessionOptions(speed=None, resume=resume, rungs=guard)
            finished = run_session(load(self.climber.file, settings), options, show=self._show)
        finished.close_run()
        return self.climber.journal.facts(finished.result.run_id)

    def _show(self, view: SessionView) -> None:
        if not self._done:
            self._done = bool(self._when(view))


@pytest.fixture
def every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a session read its rung at every moment: replayed, a quarter second is hours."""
    monkeypatch.setattr("qe_plugins.ladder.guard.EVERY", 0.0)


def holds(view: SessionView) -> bool:
    return any(view.positions.values())


def test_a_red_check_during_a_session_stops_entries_and_leaves_the_bracket(
    climber: Climber, every_moment: None
) -> None:
    climber.up()
    earlier = climber.session([], mode="paper")

    def red(view: SessionView) -> bool:
        if holds(view) and not view.catching_up:
            climber.parity(earlier, "red")
            return True
        return False

    facts = Replay(climber, red).run()
    begun, changed = [fact for fact in facts if fact.kind is FactKind.RUNG]
    assert (begun.body["after"]["name"], changed.body["after"]["name"]) == ("1 MES", "backtest")
    assert changed.body["reason"] == f"parity_red: session {earlier}"
    assert climber.rung == "backtest"
    later = [fact for fact in facts if fact.ts_event > changed.ts_event]
    closing = [fact for fact in later if fact.kind is FactKind.FILL]
    assert len(closing) == 1, "the bracket closes the position and nothing opens another"
    assert [fact.kind for fact in later if fact.kind is FactKind.TRADE] == [FactKind.TRADE]
    sizes = {fact.body["contracts"] for fact in later if fact.kind is FactKind.SIZE}
    assert sizes == {0}, "signals go on, and none is traded"
    assert check_parity(find_session("last")).clean, "the rerun is under the same rungs"
    with pytest.raises(LadderError, match="parity: red"):
        climber.up()
    climber.parity(earlier, "clean")
    assert climber.up() == "1 MES"


def test_a_session_that_died_goes_on_with_the_rungs_that_it_had(
    climber: Climber, every_moment: None
) -> None:
    climber.up()
    earlier = climber.session([], mode="paper")
    views = 0

    def dies(view: SessionView) -> bool:
        nonlocal views
        views += 1
        if views == 1:
            return False
        if holds(view) and not climber.journal_has_red:
            climber.parity(earlier, "red")
            climber.journal_has_red = True
        elif climber.journal_has_red and climber.rung == "backtest" and not holds(view):
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        Replay(climber, dies).run()
    [run] = climber.journal.open_runs()
    assert run.state in (RunState.RUNNING, RunState.DIED)
    facts = Replay(climber).run(resume=run)
    rungs = [fact.body["after"]["name"] for fact in facts if fact.kind is FactKind.RUNG]
    assert rungs == ["1 MES", "backtest"]
    assert climber.rung == "backtest"


def test_rung_and_evidence_are_carried_to_a_version_whose_trades_are_the_same(
    climber: Climber,
) -> None:
    climber.up()
    climber.session([1.0, -1.0], parity="clean")
    Replay(climber).run()
    before = climber.now()
    config = yaml.safe_load(climber.file.read_text())
    config["expiry"] = {"flat_before": "45m"}
    climber.file.write_text(yaml.safe_dump(config))
    assert climber.version not in before.standing.versions
    refused = ladder("carry", climber.file, "--because", "an earlier exit")
    assert "no clean parity check of version" in str(refused.exception)
    checked = CliRunner().invoke(cli, ["parity", "last", "--against", str(climber.file)])
    assert checked.exit_code == 0, checked.output
    carried = ladder("carry", climber.file, "--because", "an earlier exit")
    assert carried.output.startswith(f"{NAME}: carried, 1 MES: an earlier exit\n")
    after = climber.now()
    assert (after.standing.rung, after.standing.version) == ("1 MES", climber.version)
    assert after.standing.starts == 1
    assert after.measured.evidence.log_value == before.measured.evidence.log_value != 0
    assert climber.settle(version=climber.version) == [], "the new version does not demote"
    climber.session([1.0], parity="clean")
    assert len(climber.now().measured.outcomes) == 3, "its trades count with the earlier ones"


def test_two_sessions_cannot_hold_one_strategy(climber: Climber) -> None:
    guard, _ = guard_of(climber.file, [], "paper")
    assert guard is not None
    with guard, pytest.raises(LadderError, match="another session trades climber"):
        guard_of(climber.file, [], "paper")


def test_live_without_a_rung_is_refused(climber: Climber) -> None:
    with pytest.raises(LadderError, match="is on no rung, so no order may leave"):
        guard_of(climber.file, [], "live")


def test_a_session_takes_the_rung_of_the_ladder(climber: Climber) -> None:
    climber.up()
    climber.session([2.0] * 60, parity="clean")
    climber.session([2.0] * 60, parity="clean")
    climber.up()
    guard, settings = guard_of(climber.file, [], "live")
    assert guard is not None
    guard.close()
    rung = load(climber.file, settings).config.rung
    limits = (rung.name, rung.root, rung.max_contracts, rung.risk, rung.enforced)
    assert limits == ("5 MES", "MES", 5, Decimal(250), True)


def test_commands_say_where_a_strategy_stands(climber: Climber) -> None:
    climber.up()
    climber.session([1.0, -1.0], parity="clean")
    status = ladder("status").stdout
    assert "climber: 1 MES, on rung" in status
    assert "live trades        2" in status
    assert "evidence           " in status
    assert "trades: 2, needs 60" in status
    demoted = ladder("demote", NAME[:4], "--because", "a holiday")
    assert "demoted, 1 MES -> backtest: a holiday" in demoted.stdout
    history = ladder("history").stdout
    assert [line.split()[3] for line in history.splitlines()[1:]] == [
        "proposed",
        "confirmed",
        "demoted",
    ]
    refused = ladder("confirm", "2026")
    assert isinstance(refused.exception, LadderError)
    assert "by a person at a terminal" in str(refused.exception)


@pytest.mark.parametrize("command", ["status", "criteria", "history"])
def test_a_name_of_no_strategy_on_a_ladder_is_refused(climber: Climber, command: str) -> None:
    climber.up()
    assert ladder(command, NAME[:3]).exit_code == 0
    with pytest.raises(JournalError, match=r"no strategy 'diver'\. There is climber"):
        raise ladder(command, "diver").exception


def test_the_panel_has_rung_evidence_what_is_missing_and_the_demotion_line(
    climber: Climber,
) -> None:
    climber.up()
    climber.session([1.0, -1.0], parity="clean")
    [row] = ladder_panel(climber.journal)
    assert (row.name, row.rung, row.above, row.needed) == (NAME, "1 MES", "5 MES", 3.0)
    assert row.evidence == pytest.approx(1, abs=0.2)
    assert "trades: 2, needs 60" in row.missing
    assert demotion_line(row).startswith("drawdown 1.0R of 30.5R, decay ")
    assert row.trades_to_go is not None
    panel = LadderPanel().dashboard_panels("mission_control")
    assert panel is not None
    assert panel.rows[0][:2] == (NAME, "1 MES, on rung")
    assert LadderPanel().dashboard_panels("launchpad") is None


def test_a_plan_of_a_losing_strategy_is_one_sentence(climber: Climber) -> None:
    more = ("--set", "data.synthetic.sessions=3")
    done = ladder("plan", "configs/backtest/quickstart.yaml", *more)
    [line] = done.stdout.splitlines()
    assert line.startswith("quickstart: the edge is negative, -0.")
    assert line.endswith("; no rung is open to it.")


def test_a_plan_of_a_claim_has_trades_and_calendar_to_each_rung(climber: Climber) -> None:
    done = ladder("plan", climber.claim)
    lines = done.stdout.splitlines()
    assert lines[0] == "claim: 316 trades tell 0.20R from nothing, 8 months."
    assert [line[:5].strip() for line in lines[3:]] == ["1 MES", "5 MES", "1 ES", "5 ES"]
    assert "months" in lines[4]


def test_the_journal_of_a_path_verifies(climber: Climber) -> None:
    climber.up()
    climber.session([1.0], parity="red")
    climber.settle()
    with Journal.open() as journal:
        assert journal.verify() == []
