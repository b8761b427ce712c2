"""A journal that was written again as a whole, or that its runs' folders contradict, is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from qe_plugins import state_dir
from qe_plugins.cli import cli
from qe_plugins.errors import JournalError
from qe_plugins.journal.store import Journal
from qe_plugins.report import run_index
from tests.journal.facts import STARTED, small_run


def qe(*args: object) -> Result:
    return CliRunner().invoke(cli, ["journal", *map(str, args)])


@pytest.fixture
def write() -> Callable[[str], str]:
    """Return a function that writes a run with its folder, and returns its hash."""

    def one(run_id: str) -> str:
        with Journal.open() as journal:
            content = journal.write_run(run_id, "small", STARTED, small_run())
        place = state_dir.runs_dir() / run_id
        place.mkdir(parents=True)
        figures = {"run_id": run_id, "started": "2024", "journal_sha256": content}
        (place / run_index.RESULT).write_bytes(msgspec.json.encode(figures))
        return content

    return one


def test_the_head_is_anchored_after_every_run(write: Callable, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    for run_id in ("r1", "r2"):
        write(run_id)
        assert qe("anchor", file).exit_code == 0
    assert [json.loads(line)["runs"] for line in file.read_text().splitlines()] == [1, 2]
    write("r3")
    assert qe("verify", "--anchor", file).exit_code == 0


def test_a_journal_that_was_built_again_is_found(write: Callable, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    write("r1")
    qe("anchor", file)
    (state_dir.state_dir() / "journal.sqlite").unlink()
    with Journal.open() as journal:
        journal.write_run("r1", "another", STARTED, small_run())
    assert qe("verify").exit_code == 0
    done = qe("verify", "--anchor", file)
    assert isinstance(done.exception, JournalError)
    assert done.stdout.startswith("run r1: it is not what the anchor of ")


def test_a_shorter_journal_is_found(write: Callable, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    write("r1")
    qe("anchor", file)
    (state_dir.state_dir() / "journal.sqlite").unlink()
    done = qe("verify", "--anchor", file)
    assert "run number 1: it is not what the anchor" in done.stdout


@pytest.mark.parametrize("text", ["", "{}\n", "not json\n", "[" * 100_000])
def test_what_is_no_anchor_is_one_line(tmp_path: Path, text: str) -> None:
    (file := tmp_path / "anchors").write_text(text)
    for command in (("anchor", file), ("verify", "--anchor", file)):
        done = qe(*command)
        assert isinstance(done.exception, JournalError)
        assert str(file) in str(done.exception)
    assert file.read_text() == text


def test_a_folder_with_another_hash_is_found(write: Callable) -> None:
    write("r1")
    file = state_dir.runs_dir() / "r1" / run_index.RESULT
    file.write_text(file.read_text().replace('"journal_sha256":"', '"journal_sha256":"0'))
    assert "run r1: its folder" in qe("verify").stdout


def test_a_folder_without_a_row_is_found(write: Callable) -> None:
    write("r1")
    (state_dir.state_dir() / "journal.sqlite").unlink()
    assert "but the journal has no row of it" in qe("verify").stdout


def test_a_removed_folder_is_no_problem(write: Callable) -> None:
    write("r1")
    (state_dir.runs_dir() / "r1" / run_index.RESULT).unlink()
    assert qe("verify").exit_code == 0
