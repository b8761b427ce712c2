"""A run's folder is there whole or not at all, and is found again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from qe_plugins import state_dir
from qe_plugins.config import yaml_reader
from qe_plugins.errors import ReportError
from qe_plugins.report import run_folder, run_index, tearsheet
from tests.report.fake import bare, busy

RESOLVED = {"name": "quiet", "data": {"catalog": "tape"}, "posture": None}
EVERYTHING = {"config.yaml", "result.json", "report.html", "run.log"} | {
    f"{name}.parquet" for name in [*run_folder.FRAMES, "equity", "trades"]
}


def run(tmp_path: Path, run_id: str, out: Path | None = None, **changes: object) -> Path:
    return run_folder.write(bare(tmp_path, run_id=run_id, **changes), RESOLVED, out)


def test_a_run_leaves_everything_under_the_state_folder(tmp_path):
    made = run(tmp_path, "20240301T120000Z-quiet")
    assert made == state_dir.runs_dir() / "20240301T120000Z-quiet"
    assert {entry.name for entry in made.iterdir()} == EVERYTHING


def test_the_resolved_configuration_reads_back(tmp_path):
    made = run(tmp_path, "a")
    assert yaml_reader.read(made / "config.yaml").to_plain() == RESOLVED


def test_the_frames_read_back(tmp_path):
    outcome = busy(tmp_path / "catalog", sessions=3, trades=6)
    made = run_folder.write(outcome, RESOLVED)
    for name in run_folder.FRAMES:
        assert pl.read_parquet(made / f"{name}.parquet").equals(getattr(outcome, name))


def test_the_result_knows_how_long_the_report_took(tmp_path):
    assert run_folder.result(run(tmp_path, "a"))["seconds"].keys() == {"load", "run", "report"}


def test_a_chosen_folder_may_be_new_or_empty(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(tmp_path, "a", tmp_path / "deep" / "new") == tmp_path / "deep" / "new"
    assert run(tmp_path, "b", empty) == empty
    assert (empty / "result.json").is_file()


@pytest.mark.parametrize("check", [run_folder.check_out, lambda out: run(out.parent, "a", out)])
def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path, check):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ReportError, match="not empty"):
        check(out)
    assert [entry.name for entry in out.iterdir()] == ["notes.txt"]


def test_a_file_is_not_a_folder(tmp_path):
    out = tmp_path / "notes.txt"
    out.write_text("mine")
    with pytest.raises(ReportError, match="is a file"):
        run_folder.check_out(out)


def test_a_report_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tearsheet, "render", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, "a")
    assert list(state_dir.runs_dir().iterdir()) == []
    assert run_index.listing() == []


def test_runs_are_listed_newest_first_wherever_they_are(tmp_path):
    from datetime import UTC, datetime

    for day, out in ((2, tmp_path / "elsewhere"), (1, None), (3, None)):
        run(tmp_path, f"2024030{day}-r", out, started=datetime(2024, 3, day, tzinfo=UTC))
    assert [one["run_id"] for one in run_index.listing()] == [
        "20240303-r",
        "20240302-r",
        "20240301-r",
    ]
    assert run_index.find("last").name == "20240303-r"


def test_a_run_is_found_by_id_by_unique_start_and_by_folder(tmp_path):
    here, there = run(tmp_path, "2024-a"), run(tmp_path, "2025-b", tmp_path / "out")
    assert run_index.find("2024-a") == run_index.find("2024") == run_index.find(str(here)) == here
    assert run_index.find("2025-b") == run_index.find("2025") == there


def test_a_start_of_two_runs_names_both(tmp_path):
    run(tmp_path, "2024-a")
    run(tmp_path, "2024-b")
    with pytest.raises(ReportError, match=r"is the start of 2 runs: 2024-a, 2024-b"):
        run_index.find("2024")


def test_an_id_that_begins_another_id_means_itself(tmp_path):
    exact = run(tmp_path, "2024-a")
    run(tmp_path, "2024-a2")
    assert run_index.find("2024-a") == exact


@pytest.mark.parametrize("text", ["nothing", "", "last"])
def test_a_run_that_never_was_is_one_clear_error(text):
    with pytest.raises(ReportError, match="no run"):
        run_index.find(text)


def test_a_run_whose_folder_is_gone_says_where_it_was(tmp_path):
    made = run(tmp_path, "2024-a", tmp_path / "out")
    made.rename(tmp_path / "moved")
    assert run_index.listing() == []
    with pytest.raises(ReportError, match="no longer at"):
        run_index.find("2024-a")
    assert run_index.find(str(tmp_path / "moved")) == tmp_path / "moved"
