"""A path leads elsewhere in one process, or it is told that what lies there was opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from qe_plugins.research.lookahead.data_isolation import FileWatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="means of Linux")

READ = """
import sys
from qe_plugins.research.lookahead.data_isolation import hide

hidden = hide([(sys.argv[1], sys.argv[2])])
import polars as pl
print(hidden, pl.read_parquet(sys.argv[1] + "/bars.parquet")["close"].to_list())
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder with two closes, and one with the first of them."""
    for name, closes in (("whole", [1.0, 2.0]), ("part", [1.0])):
        (tmp_path / name).mkdir()
        pl.DataFrame({"close": closes}).write_parquet(tmp_path / name / "bars.parquet")
    return tmp_path / "whole", tmp_path / "part"


def test_a_hidden_folder_is_another_one_in_that_process_alone(folders: tuple[Path, Path]) -> None:
    whole, part = folders
    command = [sys.executable, "-c", READ, str(whole), str(part)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split(" ", 1)
    if said[0] == "False":
        pytest.skip("this system lets no process hide a folder")
    assert said[1] == "[1.0]\n"
    assert pl.read_parquet(whole / "bars.parquet")["close"].to_list() == [1.0, 2.0]


def test_a_file_that_is_opened_is_told_once(folders: tuple[Path, Path]) -> None:
    whole, part = folders
    watch = FileWatch([str(whole)])
    assert watch.opened() == []
    pl.read_parquet(whole / "bars.parquet")
    pl.read_parquet(part / "bars.parquet")
    assert watch.opened() == [str(whole / "bars.parquet")]
    assert watch.opened() == []


def test_a_file_that_is_watched_by_its_own_path_is_told(folders: tuple[Path, Path]) -> None:
    file = folders[0] / "bars.parquet"
    watch = FileWatch([str(file)])
    pl.read_parquet(file)
    assert watch.opened() == [str(file)]


def test_only_data_files_are_told(folders: tuple[Path, Path]) -> None:
    (folders[0] / "settings.json").write_text("{}")
    watch = FileWatch([str(folders[0])])
    (folders[0] / "settings.json").read_text()
    list(folders[0].iterdir())
    assert watch.opened() == []
