"""`qe init` writes a project of one's own: what it names is found there, and its tests pass."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.cli.project import requirement
from qe_plugins.cli.project.init import project_name
from qe_plugins.errors import QeError


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    """Return the folder of a new project."""
    folder = tmp_path_factory.mktemp("init") / "My Futures"
    CliRunner().invoke(cli, ["init", str(folder)], catch_exceptions=False)
    return folder


def qe(folder: Path, *arguments: str, home: Path) -> dict:
    """Return the JSON that `qe`, started in a folder, prints."""
    return json.loads(command(folder, "qe_plugins.cli", *arguments, "--json", home=home))


def command(folder: Path, module: str, *arguments: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={"QE_HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_check_finds_the_strategy_and_the_agent_of_the_project(own, tmp_path):
    rows = qe(own, "check", "configs/first.yaml", home=tmp_path)["would_run"]

    found = {row["label"]: row["value"] for row in rows}
    assert found["project"] == str(own)
    assert found["strategy"] == "new_high (strategies.new_high:NewHigh)"
    assert found["plugin"].startswith("1. guardian_size (GUARDIAN)")


def test_a_backtest_there_trades(own, tmp_path):
    assert qe(own, "backtest", "configs/first.yaml", home=tmp_path)["fills"] > 0


def test_its_tests_pass(own, tmp_path):
    assert "5 passed" in command(own, "pytest", "-q", "-p", "no:randomly", home=tmp_path)


def test_its_pyproject_requires_quant_engine_as_it_is_installed_here(own):
    written = tomllib.loads((own / "pyproject.toml").read_text())

    assert written["project"]["name"] == "my-futures"
    checkout, engine = written["project"]["dependencies"]
    assert Path(checkout.removeprefix("quant-engine @ file://")).is_dir()
    assert engine.startswith("nautilus-trader==")


def test_a_name_without_letters_is_a_name():
    assert project_name(Path("/日本")) == "futures"


def test_a_project_that_is_there_is_kept(own):
    before = (own / "pyproject.toml").read_text()

    with pytest.raises(QeError, match="already exists"):
        CliRunner().invoke(cli, ["init", str(own)], catch_exceptions=False)

    assert (own / "pyproject.toml").read_text() == before


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"url": "file:///a/b%20c", "dir_info": {"editable": True}}, "file:///a/b%20c"),
        ({"url": "https://host/qe.whl", "archive_info": {}}, "https://host/qe.whl"),
        (
            {"url": "https://host/qe.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://host/qe.git@abc",
        ),
    ],
)
def test_each_way_to_install_has_its_url(installed, expected):
    assert requirement.direct(installed) == expected
