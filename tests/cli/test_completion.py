"""A shell completes files, runs, hooks and the keys of `--set`, by the script that is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.cli.project import completion
from qe_plugins.errors import QeError
from qe_plugins.plugins import reference

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = "configs/backtest/quickstart.yaml"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Return the state folder of a user who stands in the project."""
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return tmp_path


def completed(*words: str) -> list[str]:
    """Return what completes the last word."""
    completer = BashComplete(cli, {}, completion.PROGRAM, completion.VARIABLE)
    return [one.value for one in completer.get_completions(list(words[:-1]), words[-1])]


def test_a_file_is_one_of_configs():
    found = completed("check", "configs/backtest/q")

    assert found == [QUICKSTART]


def test_another_file_is_left_to_the_shell():
    completer = BashComplete(cli, {}, completion.PROGRAM, completion.VARIABLE)

    [only] = completer.get_completions(["check"], "elsewhere/")
    assert only.type == "file"


def test_a_run_is_completed_by_its_id(home):
    folder = home / "runs" / "20240102-first"
    folder.mkdir(parents=True)
    (folder / "result.json").write_bytes(msgspec.json.encode({"run_id": folder.name}))

    assert completed("report", "") == ["last", "previous", folder.name]
    assert completed("compare", "last", "2024") == [folder.name]


def test_a_hook_is_completed():
    assert completed("hooks", "veto") == [
        one.name for one in reference() if one.name.startswith("veto")
    ]


@pytest.mark.parametrize("command", ["backtest", "check", "show"])
def test_a_key_of_a_section_is_completed(command):
    assert "rung.risk=" in completed(command, QUICKSTART, "--set", "rung.r")


def test_a_plugin_and_its_settings_in_the_file_are_completed():
    found = completed("check", QUICKSTART, "--set", "plugins.guardian_l")

    assert {"plugins.guardian_limits=", "plugins.guardian_limits.daily_loss="} <= set(found)


def test_a_file_with_an_error_leaves_the_keys_of_the_schema(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("nmae: wrong\n")

    assert "rung.risk=" in completed("check", str(file), "--set", "rung.r")


def test_no_value_is_completed():
    assert completed("check", QUICKSTART, "--set", "rung.risk=2") == []


@pytest.mark.parametrize("shell", completion.PLACES)
def test_the_script_is_written_to_where_the_shell_looks(shell, home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    arguments = ["completion", "install", "--shell", shell]

    said = CliRunner().invoke(cli, arguments, catch_exceptions=False).output

    assert str(completion.place(shell)) in said.replace("\n", "")
    assert completion.VARIABLE in completion.place(shell).read_text()


def test_an_unknown_shell_is_refused(monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/tcsh")

    with pytest.raises(QeError, match="tcsh"):
        CliRunner().invoke(cli, ["completion", "show"], catch_exceptions=False)


def test_bash_completes_by_the_script(tmp_path):
    program = Path(sys.executable).with_name("qe")
    (tmp_path / "script").write_text(completion.script("bash"))
    typed = f"""
        source {tmp_path}/script
        COMP_WORDS=(qe hooks veto); COMP_CWORD=2
        compopt() {{ :; }}
        _qe_completion {program}
        echo "${{COMPREPLY[@]}}"
    """

    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)

    assert done.stdout.split() == completed("hooks", "veto")
