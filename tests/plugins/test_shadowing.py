"""A folder's own modules hide no library, and a folder above is not the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

QE = Path(sys.executable).with_name("qe")
RUN = "name: desk\ndata: {synthetic: {sessions: 2, contracts: 1}}\nstrategies: {}\n"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Return a folder with a package `agents` and modules that are named like libraries."""
    folder = tmp_path / "planted"
    (folder / "agents").mkdir(parents=True)
    (folder / "agents" / "__init__.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    for name in ("yaml", "msgspec", "rich", "sqlalchemy", "polars"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    (folder / "desk").mkdir()
    return folder


@pytest.mark.parametrize("where", [".", "desk"])
def test_what_was_planted_is_not_run(planted: Path, where: str) -> None:
    place = planted / where
    (place / "run.yaml").write_text(RUN)
    done = subprocess.run(
        [QE, "show", "run.yaml"], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run([QE, "plugins"], cwd=place, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    assert not (planted / "ran").exists()


def test_check_says_which_project_it_is(planted: Path) -> None:
    (planted / "desk" / "run.yaml").write_text(RUN)
    done = subprocess.run(
        [QE, "check", "run.yaml", "--json"],
        cwd=planted / "desk",
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 2), done.stderr
    assert not (planted / "ran").exists()
    if done.returncode == 0:
        assert "none: no strategies/ or agents/ here" in done.stdout
