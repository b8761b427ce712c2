"""Whole runs go in, and come out as they were."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal, content_hash
from tests.journal.facts import STARTED, fact, small_run


@pytest.fixture
def journal(database):
    with Journal.open() as opened:
        yield opened


def test_facts_come_out_as_they_went_in(journal):
    journal.write_run("r1", "small", STARTED, small_run())

    assert journal.facts("r1") == small_run()


def test_facts_can_be_asked_for_by_kind(journal):
    journal.write_run("r1", "small", STARTED, small_run())

    assert [f.id for f in journal.facts("r1", [FactKind.FILL])] == ["fill:F-1", "fill:F-2"]


def test_a_run_is_known_by_its_row(journal):
    content = journal.write_run("r1", "small", STARTED, small_run())

    [run] = journal.runs()
    assert (run.run_id, run.name, run.started) == ("r1", "small", STARTED)
    assert (run.facts, run.content_hash) == (len(small_run()), content)


def test_equal_runs_have_equal_content_hashes(journal):
    first = journal.write_run("r1", "small", STARTED, small_run())
    second = journal.write_run("r2", "again", STARTED, small_run())

    assert first == second == content_hash(small_run())


def test_the_order_of_a_bodys_keys_does_not_matter():
    assert content_hash([fact("vote:1", a=1, b=2)]) == content_hash([fact("vote:1", b=2, a=1)])


@pytest.mark.parametrize(
    "other",
    [
        fact("vote:2", a=1),
        fact("vote:1", a=2),
        fact("vote:1", minute=1, a=1),
        msgspec.structs.replace(fact("vote:1", a=1), source="somebody else"),
    ],
)
def test_every_field_of_a_fact_is_in_the_hash(other):
    assert content_hash([fact("vote:1", a=1)]) != content_hash([other])


def test_the_journal_is_sqlite_in_wal_under_the_state_folder():
    with Journal.open() as journal:
        journal.write_run("r1", "small", STARTED, [])

    file = state_dir.state_dir() / "journal.sqlite"
    with sa.create_engine(f"sqlite:///{file}").connect() as raw:
        assert raw.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_a_run_is_written_once(journal):
    journal.write_run("r1", "small", STARTED, small_run())

    with pytest.raises(JournalError, match="run r1: the run is already in the journal"):
        journal.write_run("r1", "small", STARTED, [])
    assert len(journal.facts("r1")) == len(small_run())


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (fact("run:small"), "fact run:small: the id is already taken"),
        (fact("order:O-9", "signal:9"), "must be an earlier fact of the same run, was 'signal:9'"),
        (fact("order:O-9", spoilt=object()), "fact order:O-9: the body cannot be written"),
    ],
)
def test_a_run_with_a_bad_fact_leaves_nothing_behind(journal, last: Fact, said: str):
    with pytest.raises(JournalError, match=said):
        journal.write_run("r1", "small", STARTED, [*small_run(), last])

    assert journal.runs() == []
    assert journal.facts("r1") == []
    assert journal.verify() == []


def test_a_start_without_a_time_zone_is_refused(journal):
    with pytest.raises(JournalError, match="must carry a time zone"):
        journal.write_run("r1", "small", datetime(2024, 5, 6), [])


@pytest.mark.long
def test_a_hundred_thousand_facts_take_seconds():
    facts = [fact(f"vote:{n}", reason="a breakout", confidence=n / 1e5) for n in range(100_000)]

    with Journal.open() as journal:
        began = time.perf_counter()
        journal.write_run("r1", "big", STARTED, facts)

        assert time.perf_counter() - began < 15
        assert journal.verify() == []


class TestResolve:
    def test_last_is_the_last_run_written(self, journal):
        journal.write_run("b", "first", STARTED, [])
        journal.write_run("a", "second", STARTED, [])

        assert journal.resolve("last") == "a"

    def test_the_start_of_one_id_is_enough(self, journal):
        journal.write_run("20240506-small", "small", STARTED, [])
        journal.write_run("20240507-small", "small", STARTED, [])

        assert journal.resolve("20240506") == "20240506-small"

    def test_the_start_of_several_ids_is_refused(self, journal):
        journal.write_run("2024-a", "small", STARTED, [])
        journal.write_run("2024-b", "small", STARTED, [])

        with pytest.raises(JournalError, match="'2024' is the start of 2 runs: 2024-a, 2024-b"):
            journal.resolve("2024")

    def test_an_unknown_run_is_refused(self, journal):
        journal.write_run("2024-a", "small", STARTED, [])

        with pytest.raises(JournalError, match=r"no run '2025'\. There is 2024-a"):
            journal.resolve("2025")

    def test_an_empty_journal_says_what_to_do(self, journal):
        with pytest.raises(JournalError, match=r"no run yet\. Run `qe backtest` first"):
            journal.resolve("last")


def test_a_journal_of_a_newer_program_is_refused(journal, tmp_path: Path):
    with sa.create_engine(state_dir.journal_url()).begin() as raw:
        raw.exec_driver_sql("UPDATE head SET version = 99")

    with pytest.raises(JournalError, match=r"must be at most 3, was 99\. A newer version"):
        Journal.open()


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////dev/null/journal.sqlite", "nosuch://x/y"])
def test_a_journal_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(JournalError) as caught:
        Journal.open(url)

    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_journal_is_one_line(tmp_path: Path):
    (tmp_path / "notes").write_text("no database" * 100)

    with pytest.raises(JournalError, match="file is not a database"):
        Journal.open(f"sqlite:///{tmp_path / 'notes'}")


def test_a_password_is_not_shown():
    with pytest.raises(JournalError) as caught:
        Journal.open("postgresql://trader:hunter2@localhost:1/journal")

    assert "hunter2" not in str(caught.value)
