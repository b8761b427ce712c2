"""What the journal's file says without SQLAlchemy is what the journal says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from qe_plugins.journal import file_state, schema
from qe_plugins.journal.store import Journal

STARTED = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the state folder of a user who runs no test."""
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    monkeypatch.delenv("QE_JOURNAL_URL", raising=False)
    monkeypatch.setattr(file_state, "IN_TESTS", ())
    return tmp_path


def test_a_missing_journal_has_no_open_runs_and_is_not_created(home):
    assert file_state.takes_writes()
    assert file_state.has_no_open_runs()
    assert not Journal.exists()


def test_an_open_run_is_seen_until_it_is_closed(home):
    with Journal.open() as journal:
        journal.open_run("one", "one", STARTED)
        assert not file_state.has_no_open_runs()
        journal.close_run("one")
        assert file_state.has_no_open_runs()


def test_a_file_of_the_newest_version_takes_writes(home):
    Journal.open().close()

    assert file_state.takes_writes()


def test_every_migration_has_its_version():
    assert 1 + len(schema.STEPS) == file_state.NEWEST


@pytest.mark.parametrize("version", [file_state.NEWEST + 1, 0])
def test_a_journal_of_another_version_is_left_to_the_journal(home, version):
    Journal.open().close()
    with closing(sqlite3.connect(home / "journal.sqlite", autocommit=True)) as database:
        database.execute("UPDATE head SET version = ?", (version,))

    assert not file_state.has_no_open_runs()
    assert not file_state.takes_writes()


def test_a_file_that_is_no_database_is_left_to_the_journal(home):
    (home / "journal.sqlite").write_text("not a database, however long this text becomes" * 9)

    assert not file_state.has_no_open_runs()
    assert not file_state.takes_writes()


def test_a_server_is_left_to_the_journal(home, monkeypatch):
    monkeypatch.setenv("QE_JOURNAL_URL", "postgresql://user@127.0.0.1:1/none")

    assert not file_state.has_no_open_runs()
