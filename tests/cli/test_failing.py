"""Whatever goes wrong inside, `qe` says it in one line and keeps the traceback in a file."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from qe_plugins import state_dir
from qe_plugins.cli import main
from qe_plugins.cli import runs as command
from qe_plugins.errors import QeError
from tests.command import ROOT, qe


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run `qe runs` on a shelf that raises, and return the exit code."""
    from qe_plugins.report import run_index

    def listing() -> None:
        raise error

    monkeypatch.setattr(run_index, "listing", listing)
    monkeypatch.setattr(sys, "argv", ["qe", "runs"])
    with pytest.raises(SystemExit) as done:
        main()
    assert command.runs.name == "runs"
    assert isinstance(done.value.code, int)
    return done.value.code


@pytest.mark.parametrize("error", [ZeroDivisionError("a\nb"), BaseException(), MemoryError()])
def test_an_unexpected_exception_is_one_line_and_a_file(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(error, monkeypatch) == 1
    [line] = capsys.readouterr().err.splitlines()
    [file] = (state_dir.state_dir() / "errors").iterdir()
    assert line.startswith(f"error: {type(error).__name__}")
    assert line.endswith(f"The traceback is in {file}.")
    assert "Traceback (most recent call last)" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_where_the_home_is_a_file_the_traceback_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("QE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert failing(KeyError("x"), monkeypatch) == 1
    [file] = tmp_path.glob("*.txt")
    assert str(file) in capsys.readouterr().err


def test_what_a_user_can_mend_is_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(QeError("is wrong.", where="here"), monkeypatch) == 2
    assert capsys.readouterr().err == "error: here: is wrong.\n"
    assert not (state_dir.state_dir() / "errors").exists()


def test_a_reader_that_goes_away_is_no_fault() -> None:
    listed = subprocess.run(
        f"{sys.executable} -m qe_plugins.cli schema | head -1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (listed.stdout, listed.stderr) == ("{\n", "")


@pytest.mark.parametrize("out", [None, "sub"])
def test_a_home_that_cannot_be_written_is_found_before_the_run(
    tmp_path: Path, out: str | None
) -> None:
    (tmp_path / "file").touch()
    bad = tmp_path / "file" / "home"
    where = {"QE_HOME": str(bad)} if out is None else {}
    options = () if out is None else ("--out", bad / out)
    done = qe("backtest", "configs/backtest/quickstart.yaml", *options, **where)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "cannot be written: not a directory" in line
