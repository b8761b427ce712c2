"""`qe live` replaces its process where a session is to begin again, unless it was stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qe_plugins.cli.live import live
from qe_plugins.engine.broker import preparation, run
from qe_plugins.engine.live import session_journal
from qe_plugins.ladder import guard
from qe_plugins.report import run_folder

type Trade = Callable[..., list[list[str]]]


@pytest.fixture
def traded(monkeypatch: pytest.MonkeyPatch) -> Trade:
    """Return what trades with a session that is to begin again, and returns what replaced it."""
    replaced: list[list[str]] = []

    def ran(_live: Any, _options: Any, *, begin: Any, stopped: bool, **_named: Any) -> Any:
        begin(SimpleNamespace(stop=lambda: None), "live-1")
        if stopped:
            signal.raise_signal(signal.SIGTERM)
        return SimpleNamespace(result=None, again="its book is wrong", close_run=lambda: "")

    def trade(*words: str, stopped: bool = False, sandbox: bool = False) -> list[list[str]]:
        monkeypatch.setattr(sys, "argv", ["qe", *words])
        monkeypatch.setattr(
            run, "run_live", lambda *given, **named: ran(*given, stopped=stopped, **named)
        )
        live.trade(Path("mes.yaml"), (), sandbox=sandbox, as_json=False, out=None, level=None)
        return replaced

    loaded = SimpleNamespace(config=SimpleNamespace(name="mes"), resolved={})
    monkeypatch.setattr(guard, "guard_of", lambda _file, overrides, _mode: (None, overrides))
    monkeypatch.setattr(
        preparation, "prepare_live", lambda *_, **__: SimpleNamespace(loaded=loaded)
    )
    monkeypatch.setattr(session_journal, "died_run", lambda *_: None)
    monkeypatch.setattr(run_folder, "draft", lambda *_: nullcontext(Path))
    monkeypatch.setattr("qe_plugins.cli.live.live_screen.LiveScreen.begin", lambda *_: None)
    monkeypatch.setattr(live, "print_run", lambda *_, **__: None)
    monkeypatch.setattr(os, "execv", lambda _program, words: replaced.append(words[3:]))
    return trade


def test_a_session_begins_again_and_waits_for_its_gateway(traded: Trade):
    assert traded("live", "mes.yaml") == [["live", "mes.yaml", "--wait"]]


def test_a_session_that_waited_already_begins_again_by_the_same_command(traded: Trade):
    assert traded("live", "--wait", "mes.yaml") == [["live", "--wait", "mes.yaml"]]


def test_a_paper_session_at_a_broker_begins_again_by_the_same_command(traded: Trade):
    assert traded("paper", "mes.yaml", sandbox=True) == [["paper", "mes.yaml"]]


def test_a_session_that_a_person_has_stopped_meanwhile_does_not_begin_again(traded: Trade):
    assert traded("live", "mes.yaml", stopped=True) == []
