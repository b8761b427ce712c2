"""What a secret variable holds is never shown, kept or named after."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from qe_plugins import Plugin, Veto, hookimpl, safe_text, state_dir
from qe_plugins.cli import cli, main
from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import ConfigError
from qe_plugins.journal.store import Journal
from qe_plugins.plugins import PluginManager
from qe_plugins.report import run_folder as folder
from tests.engine.conftest import settings, tape

__all__ = ["settings", "tape"]

HUSH = 'hush "&\\é hush'
NAMES = ["FEED_PASS", "FEED_PASSWD", "FEED_DSN", "FEED_AUTH", "FEED_CREDENTIALS", "FEED_BEARER",
         "FEED_WEBHOOK_URL", "FEED_KEY", "feed_token", "FEED_LOGIN"]  # fmt: skip


@pytest.fixture(params=NAMES)
def variable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a variable that holds a secret; the last one only because the file says so."""
    monkeypatch.setenv(request.param, HUSH)
    name: str = request.param
    return name


def written(folder: Path, variable: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(
        "name: desk\nsecrets: [FEED_LOGIN]\ndata: {synthetic: }\n"
        f"strategies: {{ema_cross: {{feed: '${{{variable}}}'}}}}\n"
    )
    return file


def test_show_has_its_name_in_its_place(tmp_path: Path, variable: str) -> None:
    done = CliRunner().invoke(cli, ["show", str(written(tmp_path, variable))])
    assert f"${{{variable}}}" in done.output
    assert "hush" not in done.output


def test_an_error_about_anything_does_not_hold_it(
    tmp_path: Path, variable: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, variable)
    text = file.read_text().replace("feed:", "instrument_id:")
    file.write_text(text.replace("{synthetic: }", f"{{catalog: '${{{variable}}}'}}"))
    monkeypatch.setattr(sys, "argv", ["qe", "check", str(file)])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    said = "".join(capsys.readouterr())
    assert f"${{{variable}}}" in said
    assert "hush" not in said


def test_a_run_is_not_named_after_it(tmp_path: Path, variable: str) -> None:
    file = written(tmp_path, variable)
    file.write_text(file.read_text().replace("name: desk", f"name: 'desk ${{{variable}}}'"))
    with pytest.raises(ConfigError, match="cannot be named after a secret") as caught:
        load(file)
    assert "hush" not in str(caught.value)


def test_what_a_plugin_says_of_it_is_in_no_journal_and_no_report(
    settings: Callable[..., Loaded], tmp_path: Path
) -> None:
    class Blabs(Plugin):
        @hookimpl
        def veto_order(self, order: object) -> Veto:
            return Veto(f"the feed said no to {HUSH}")

    loaded = settings("BuysAtMarket")
    safe_text.keep_secret(HUSH, "${FEED_KEY}")
    outcome = run(loaded, plugins=PluginManager([("blabs", Blabs())]))
    with Journal.open() as journal:
        journal.write_run(outcome.run_id, outcome.name, outcome.started, outcome.facts)
    folder.write(outcome, loaded.resolved, tmp_path / "run")
    files = [*(tmp_path / "run").iterdir(), *state_dir.state_dir().glob("journal.sqlite*")]
    assert [file.name for file in files if b"hush" in file.read_bytes()] == []


def test_the_journal_and_dotenv_are_their_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("FEED_KEY=x\n")
    os.chmod(tmp_path / ".env", 0o644)
    state_dir.state_dir().mkdir(parents=True)
    (state_dir.state_dir() / "journal.sqlite").touch(0o644)
    load(written(tmp_path, "FEED_KEY"))
    with Journal.open() as journal:
        journal.check_writable()
        files = [tmp_path / ".env", *state_dir.state_dir().glob("journal.sqlite*")]
        assert len(files) == 4
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_state_folder_may_stand_in_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QE_HOME")
    (tmp_path / ".env").write_text("QE_HOME=state\n")
    assert state_dir.state_dir() == tmp_path / "state"
    (tmp_path / ".env").write_text("QE_HOME=elsewhere\n")
    assert state_dir.state_dir() == tmp_path / "elsewhere"
    monkeypatch.setenv("QE_HOME", str(tmp_path / "said"))
    assert state_dir.state_dir() == tmp_path / "said"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"A" * 2_000_000])
def test_a_dotenv_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=r"\.env"):
        load(written(tmp_path, "FEED_KEY"))
