"""A run that is written while it lasts: open, appended to, closed, and continued after a crash."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from qe_plugins import state_dir
from qe_plugins.cli import cli
from qe_plugins.errors import JournalError
from qe_plugins.journal import owner
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.anchor import Anchor
from qe_plugins.journal.facts import RunState
from qe_plugins.journal.store import Journal, content_hash
from tests.journal.facts import STARTED, fact, small_run

LATER = STARTED + timedelta(days=1)


@pytest.fixture
def journal(database):
    with Journal.open() as opened:
        yield opened


@pytest.fixture
def died(journal) -> str:
    """Return the id of a run of half the facts, whose process has ended."""
    with Journal.open() as other:
        other.open_run("r1", "small", STARTED)
        other.append("r1", small_run()[:9])
    tamper("UPDATE open_runs SET process = 'an earlier process of that id'")
    return "r1"


def tamper(*statements: str) -> None:
    with sa.create_engine(state_dir.journal_url()).begin() as raw:
        for statement in statements:
            assert raw.exec_driver_sql(statement).rowcount != 0, statement


def qe(*arguments: str) -> str:
    done = CliRunner(env={"COLUMNS": "300"}).invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("durable", [True, False])
def test_a_closed_run_has_the_hash_of_the_same_facts_written_at_once(journal, durable):
    journal.open_run("r1", "small", STARTED)
    for one in small_run():
        journal.append("r1", [one], durable=durable)
    content = journal.close_run("r1")

    assert content == content_hash(small_run())
    assert journal.facts("r1") == small_run()
    assert [(run.run_id, run.facts, run.started) for run in journal.runs()] == [
        ("r1", len(small_run()), STARTED)
    ]
    assert journal.open_runs() == []
    assert journal.verify() == []


def test_an_open_run_is_as_legal_as_a_closed_one(journal):
    journal.write_run("r0", "small", STARTED, small_run())
    journal.open_run("r1", "small", LATER)
    journal.append("r1", small_run()[:3])

    assert journal.verify() == []
    [run] = journal.open_runs()
    assert (run.run_id, run.name, run.started, run.facts) == ("r1", "small", LATER, 3)
    assert (run.state, run.pid) == (RunState.RUNNING, os.getpid())
    assert datetime.now(UTC) - run.appended < timedelta(minutes=1)
    assert journal.resolve("last") == "r1"
    assert journal.resolve("r1") == "r1"
    assert [run.run_id for run in journal.runs()] == ["r0"]


def test_a_run_that_died_long_ago_is_not_the_last_one(journal):
    journal.open_run("old", "small", STARTED)
    journal.write_run("new", "small", LATER, [])

    assert journal.resolve("last") == "new"


def test_a_run_written_while_another_is_open_goes_before_it_in_the_chain(journal):
    journal.open_run("r1", "small", STARTED)
    journal.append("r1", small_run())
    journal.write_run("r2", "small", STARTED, small_run())
    journal.close_run("r1")

    assert [run.run_id for run in journal.runs()] == ["r2", "r1"]
    assert journal.verify() == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([fact("vote:9"), fact("run:small")], "fact run:small: the id is already taken"),
        ([fact("vote:9"), fact("vote:9")], "fact vote:9: the id is already taken"),
        ([fact("vote:9"), fact("size:9", "signal:9")], "earlier fact of the same run, was"),
        ([fact("vote:9", spoilt=object())], "fact vote:9: the body cannot be written"),
    ],
)
def test_a_bad_fact_refuses_its_whole_append_and_nothing_else(journal, facts, said):
    journal.open_run("r1", "small", STARTED)
    journal.append("r1", small_run()[:3])

    with pytest.raises(JournalError, match=said):
        journal.append("r1", facts)
    assert journal.facts("r1") == small_run()[:3]
    journal.append("r1", small_run()[3:])
    assert journal.close_run("r1") == content_hash(small_run())


def test_a_cause_is_looked_for_among_all_that_was_appended(journal):
    journal.open_run("r1", "small", STARTED)
    journal.append("r1", [fact(f"vote:{n}") for n in range(1_200)])
    journal.append("r1", [fact(f"size:{n}", f"vote:{n}") for n in range(1_200)])

    assert journal.open_runs()[0].facts == 2_400


def test_nothing_is_appended_to_a_run_that_is_not_open(journal):
    with pytest.raises(JournalError, match="run r1: the run is not open here"):
        journal.append("r1", [fact("vote:1")])
    with pytest.raises(JournalError, match="run r1: the run is not open"):
        journal.close_run("r1")


def test_a_run_is_in_the_journal_once(journal):
    journal.write_run("r1", "small", STARTED, [])
    journal.open_run("r2", "small", STARTED)

    with pytest.raises(JournalError, match="run r1: the run is already in the journal"):
        journal.open_run("r1", "small", STARTED)
    with pytest.raises(JournalError, match="run r2: the run is already in the journal"):
        journal.write_run("r2", "small", STARTED, [])


def test_a_run_without_facts_can_be_closed(journal):
    journal.open_run("r1", "small", STARTED)

    assert journal.close_run("r1") == content_hash([])
    assert journal.verify() == []


def test_opening_an_open_run_again_changes_nothing(journal):
    first = journal.open_run("r1", "small", STARTED)
    journal.append("r1", small_run()[:2])
    second = journal.open_run("r1", "another", LATER)

    assert (first.facts, second.facts, second.name, second.started) == (0, 2, "small", STARTED)
    journal.append("r1", small_run()[2:])
    assert journal.close_run("r1") == content_hash(small_run())


class TestAfterACrash:
    def test_the_journal_verifies_and_says_since_when_it_is_open(self, died):
        printed = qe("journal", "verify")

        assert "nothing changed" in printed
        assert "open since 2024-05-06 07:08:09Z: run r1, died" in printed
        assert "9 facts" in printed

    def test_a_new_process_continues_the_chain(self, journal, died):
        [before] = journal.open_runs()
        run = journal.open_run("r1", "small", LATER)

        assert before.state is RunState.DIED
        assert (run.facts, run.started, run.state) == (9, STARTED, RunState.RUNNING)
        journal.append("r1", small_run()[9:])
        assert journal.close_run("r1") == content_hash(small_run())
        assert journal.verify() == []

    def test_a_run_that_died_can_be_closed_as_it_is(self, journal, died):
        assert journal.close_run("r1") == content_hash(small_run()[:9])
        assert journal.verify() == []

    def test_its_facts_are_listed(self, died):
        assert "FOLLOWER-001" in qe("journal", "orders", "--run", "r1")
        assert "vote:1" in qe("journal", "signals")


class TestOwner:
    def test_a_run_that_another_process_appends_to_is_left_to_it(self, journal, died):
        parent = os.getppid()
        start = owner.start_of(parent)
        tamper(f"UPDATE open_runs SET pid = {parent}, process = '{start}'")

        with pytest.raises(JournalError, match=f"run r1: process {parent} appends to it"):
            journal.open_run("r1", "small", STARTED)
        with pytest.raises(JournalError, match=f"run r1: process {parent} appends to it"):
            journal.close_run("r1")

    def test_a_process_on_another_host_is_not_known_to_have_ended(self, journal, died):
        tamper("UPDATE open_runs SET host = 'another'")

        assert journal.open_runs()[0].state is RunState.UNKNOWN
        with pytest.raises(JournalError, match="on another appends to it"):
            journal.open_run("r1", "small", STARTED)
        journal.open_run("r1", "small", STARTED, take_over=True)
        assert journal.open_runs()[0].state is RunState.RUNNING

    def test_a_process_that_was_taken_for_dead_can_append_no_more(self, journal):
        journal.open_run("r1", "small", STARTED)
        tamper("UPDATE open_runs SET pid = 1, process = 'boot+1'")

        with pytest.raises(JournalError, match="another process continued or closed it"):
            journal.append("r1", [fact("vote:1")])
        assert journal.facts("r1") == []

    def test_two_that_append_to_one_run_are_found(self, journal):
        with Journal.open() as other:
            journal.open_run("r1", "small", STARTED)
            other.open_run("r1", "small", STARTED)
            other.append("r1", [fact("vote:1")])

            with pytest.raises(JournalError, match="another process continued or closed it"):
                journal.append("r1", [fact("vote:2")])
        assert journal.verify() == []

    def test_a_process_with_a_dead_ones_id_is_another(self):
        ours = owner.this_process()

        assert owner.state(ours) is RunState.RUNNING
        assert owner.state(owner.Owner(host=ours.host, pid=ours.pid, process="x")) is RunState.DIED


class TestTampering:
    @pytest.mark.parametrize(
        "change",
        [
            "DELETE FROM facts WHERE seq = 9",
            "DELETE FROM facts WHERE seq = 3",
            "DELETE FROM facts",
            "UPDATE facts SET source = 'another' WHERE seq = 4",
            "UPDATE open_runs SET facts = 8",
            "UPDATE open_runs SET name = 'another'",
            "UPDATE open_runs SET started = '2030-01-01T00:00:00+00:00'",
            "UPDATE open_runs SET hash = 'x'",
            "UPDATE open_runs SET run_id = 'another'",
            "DELETE FROM open_runs",
            "UPDATE head SET open = 0",
        ],
    )
    def test_a_change_of_an_open_run_is_seen(self, journal, died, change):
        tamper(change)

        assert journal.verify() != []

    def test_a_whole_open_run_deleted_is_seen(self, journal, died):
        tamper("DELETE FROM facts", "DELETE FROM open_runs")

        [problem] = journal.verify()
        assert problem.what == "there must be 1 open runs, was 0"


class TestAnchor:
    def test_an_anchor_of_before_a_run_was_closed_holds_after_it(self, journal):
        journal.write_run("r0", "small", STARTED, small_run())
        journal.open_run("r1", "small", STARTED)
        count, last = journal.head()
        anchor = Anchor(runs=count, hash=last, at=LATER)
        journal.append("r1", small_run())
        assert journal.verify([anchor]) == []
        journal.close_run("r1")

        assert journal.verify([anchor]) == []


VERSION_1 = """
CREATE TABLE head (version INTEGER NOT NULL, runs INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TABLE runs (seq INTEGER NOT NULL, run_id TEXT NOT NULL, name TEXT NOT NULL,
    started TEXT NOT NULL, facts INTEGER NOT NULL, content_hash TEXT NOT NULL,
    previous_hash TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (run_id), UNIQUE (seq)) STRICT;
CREATE TABLE facts (run_id TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL, ts_event INTEGER NOT NULL, source TEXT NOT NULL, cause TEXT,
    body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (run_id, seq)) STRICT, WITHOUT ROWID;
"""


def test_a_journal_from_before_open_runs_is_migrated():
    with Journal.open() as journal:
        journal.write_run("r1", "small", STARTED, small_run())
    file = state_dir.state_dir() / "journal.sqlite"
    old = state_dir.state_dir() / "old.sqlite"
    with sqlite3.connect(old) as raw:
        raw.executescript(VERSION_1)
        raw.execute("ATTACH ? AS newer", [str(file)])
        raw.execute("INSERT INTO head SELECT 1, runs, hash FROM newer.head")
        raw.execute("INSERT INTO runs SELECT * FROM newer.runs")
        raw.execute("INSERT INTO facts SELECT * FROM newer.facts")

    with Journal.open(f"sqlite:///{old}") as migrated:
        assert migrated.verify() == []
        assert migrated.facts("r1") == small_run()
        assert [one.fact for one in migrated.page(run="r1")] == small_run()
        migrated.open_run("r2", "small", STARTED)
        migrated.append("r2", small_run())
        assert migrated.close_run("r2") == content_hash(small_run())
        assert migrated.verify() == []
    with ActivityJournal.open(f"sqlite:///{old}") as activity:
        assert activity.rows() == activity.mission() == activity.verify() == []


def test_an_error_of_the_database_leaves_no_fact_lost_or_doubled(journal, monkeypatch):
    """The commit succeeds and its answer is lost, then the facts come again with others."""
    journal.open_run("r1", "small", STARTED)
    journal.append("r1", small_run()[:3])
    dialect = journal._engine.dialect
    commit, failures = dialect.do_commit, iter(["disk I/O error"])

    def lose_the_answer(connection):
        commit(connection)
        for one in failures:
            raise dialect.dbapi.OperationalError(one)

    monkeypatch.setattr(dialect, "do_commit", lose_the_answer)
    with pytest.raises(JournalError, match="disk I/O error"):
        journal.append("r1", small_run()[3:6])

    journal.append("r1", small_run()[3:9])
    journal.append("r1", small_run()[9:])
    assert journal.close_run("r1") == content_hash(small_run())


def test_a_lock_held_too_long_is_an_error_and_no_wait():
    with Journal.open(timeout=0.2) as journal, Journal.open() as other:
        journal.open_run("r1", "small", STARTED)
        with other.pending_run("r2", "small", STARTED, []):
            began = time.monotonic()
            with pytest.raises(JournalError, match="database is locked"):
                journal.append("r1", small_run())
            assert time.monotonic() - began < 30
        journal.append("r1", small_run())
        assert journal.close_run("r1") == content_hash(small_run())


class TestListing:
    def test_an_open_run_is_listed_with_its_state(self, journal, died):
        journal.open_run("r2", "another", LATER)

        first, second = json.loads(qe("runs", "--json"))
        assert (first["run_id"], first["state"], first["facts"]) == ("r2", "running", 0)
        assert (second["run_id"], second["state"], second["facts"]) == ("r1", "died", 9)
        printed = qe("runs")
        assert "running" in printed
        assert "died" in printed

    def test_to_remove_a_run_that_died_is_to_end_it_in_the_journal(self, journal, died):
        assert "ended in the journal: r1" in qe("runs", "remove", "r1")

        assert journal.open_runs() == []
        assert journal.facts("r1") == small_run()[:9]
        assert journal.verify() == []
        assert "no run yet" in qe("runs")

    def test_a_running_one_is_not_removed(self, journal, died):
        parent = os.getppid()
        tamper(f"UPDATE open_runs SET pid = {parent}, process = '{owner.start_of(parent)}'")

        with pytest.raises(JournalError, match="appends to it"):
            qe("runs", "remove", "r1")
        assert len(journal.open_runs()) == 1

    def test_runs_are_listed_without_a_journal(self):
        assert "no run yet" in qe("runs")
        assert not Journal.exists()
