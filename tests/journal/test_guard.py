"""No test can reach a user's journal, in whichever process it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.journal.store import Journal

REFUSAL = "a test must not open the user's journal"


@pytest.fixture
def users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for the user's data folder, so that even a broken guard harms nobody."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("QE_HOME")
    return state_dir.users_home()


def test_the_users_journal_is_refused(users_home):
    with pytest.raises(JournalError, match=REFUSAL):
        Journal.open()

    assert not users_home.exists()


def test_the_users_journal_is_refused_by_its_path_too(users_home, monkeypatch, tmp_path):
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))

    with pytest.raises(JournalError, match=REFUSAL):
        Journal.open(f"sqlite:///{users_home / 'journal.sqlite'}")


def test_a_link_to_the_users_journal_is_refused(users_home, tmp_path):
    users_home.mkdir(parents=True)
    (tmp_path / "link").symlink_to(users_home)

    with pytest.raises(JournalError, match=REFUSAL):
        Journal.open(f"sqlite:///{tmp_path / 'link' / 'journal.sqlite'}")


@pytest.mark.parametrize("url", ["sqlite:////elsewhere/j.sqlite", "postgresql://me@host/journal"])
def test_the_journal_that_the_user_named_before_the_tests_is_refused(monkeypatch, url):
    monkeypatch.setenv("QE_USERS_JOURNAL", url)

    with pytest.raises(JournalError, match=REFUSAL):
        Journal.open(url)


@pytest.mark.parametrize("variable", ["PYTEST_VERSION", "PYTEST_CURRENT_TEST"])
def test_a_child_process_of_a_test_is_refused(users_home, variable):
    both = {"PYTEST_VERSION", "PYTEST_CURRENT_TEST"}
    env = {name: value for name, value in os.environ.items() if name not in both}

    done = _open_in_a_child({**env, variable: "1"})

    assert done.returncode == 1
    assert REFUSAL in done.stderr
    assert not users_home.exists()


def test_a_user_opens_his_own(users_home):
    both = {"PYTEST_VERSION", "PYTEST_CURRENT_TEST"}
    done = _open_in_a_child({k: v for k, v in os.environ.items() if k not in both})

    assert done.returncode == 0, done.stderr
    assert (users_home / "journal.sqlite").exists()


def test_pytest_remembers_the_users_journal_before_any_test_runs():
    assert os.environ["QE_USERS_JOURNAL"] != state_dir.journal_url()


def test_a_test_opens_its_own():
    with Journal.open() as journal:
        assert journal.runs() == []


def _open_in_a_child(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = "from qe_plugins.journal.store import Journal; Journal.open()"
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
