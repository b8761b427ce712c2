"""`qe check`, `qe show` and `qe schema` as somebody types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.config.installed_schema import with_installed
from qe_plugins.config.json_schema import editor_schema
from qe_plugins.config.loader import load
from qe_plugins.engine.running import describe

Write = Callable[..., Path]

RUN = "name: run\ndata: {synthetic: }\nstrategies: {ema_cross: {fast: 10}}\n"


def qe(*words: str) -> str:
    """Return what a command prints; what it raises is raised."""
    return CliRunner().invoke(cli, words, catch_exceptions=False).stdout


def test_show_prints_what_loads_as_the_same(write: Write) -> None:
    run = write(RUN)
    shown = write(qe("show", str(run), "--set", "rung.risk=25 USD"), "shown.yaml")
    assert load(shown).config == load(run, ["rung.risk=25"]).config


def test_show_keeps_secrets_out(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", "hush")
    run = write(RUN + "plugins: {feed: {token: '${VENDOR_TOKEN}'}}\n")
    assert "hush" not in qe("show", str(run))
    assert "hush" not in qe("show", str(run), "--json")


def test_show_as_json_is_the_resolved_configuration(write: Write) -> None:
    run = write(RUN)
    assert json.loads(qe("show", str(run), "--json")) == load(run).resolved


def test_schema_prints_the_schema_for_editors() -> None:
    as_printed = json.dumps(with_installed(editor_schema()))
    assert json.loads(qe("schema")) == json.loads(as_printed)


def test_check_says_what_would_run_and_that_nothing_did(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "describe", lambda loaded: [("data", "[synthetic] 60 days")])
    said = qe("check", str(write(RUN)))
    assert "run would run" in said
    assert "[synthetic] 60 days" in said
    assert said.endswith("Nothing was run.\n")


def test_check_as_json_keeps_the_rows_in_order(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "describe", lambda loaded: [("plugin", "b"), ("plugin", "a")])
    said = json.loads(qe("check", str(write(RUN)), "--json"))
    assert [row["value"] for row in said["would_run"]] == ["b", "a"]
    assert said["ran"] is False


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_mistake_is_one_line_and_exit_code_two(write: Write, command: str) -> None:
    run = write(RUN + "rung: {rsk: 5}\n")
    done = subprocess.run(
        [sys.executable, "-m", "qe_plugins.cli", command, run.name],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error: run.yaml:4: unknown field 'rsk'. Did you mean 'risk'?\n"
