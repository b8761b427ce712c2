"""A run that fails, from outside: exit code 1, the traceback and the bar, and no result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from qe_plugins import state_dir
from qe_plugins.config.loader import Loaded
from qe_plugins.journal.store import Journal
from tests.command import qe

HERE = "tests.engine.traders"


@pytest.fixture
def failed(settings: Callable[..., Loaded]) -> Callable[..., CompletedProcess[str]]:
    """Return a function that runs the desk in a process of its own, which must fail."""

    def run(trader: str | None, *options: object, **more: object) -> CompletedProcess[str]:
        done = qe("backtest", settings(trader, **more).file, "--json", *options)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        return done

    return run


def test_a_strategy_that_raises_on_a_bar_is_shown_with_traceback_and_bar(failed: Callable) -> None:
    said = failed("BreaksOnBar3").stderr
    assert "Traceback (most recent call last)" in said
    assert 'raise ZeroDivisionError("no such average")' in said
    last = said.splitlines()[-1]
    assert last.startswith(f"error: {HERE}:BreaksOnBar3 at Bar of 2024-01-03 15:02:00Z (MESH24")
    assert last.endswith("ZeroDivisionError: no such average")


def test_an_actor_that_raises_on_a_bar_is_shown_with_traceback_and_bar(failed: Callable) -> None:
    said = failed(None, actors={"faller": {"path": f"{HERE}:BreakingActor"}}).stderr
    assert 'raise OverflowError("an actor fell")' in said
    assert "BreakingActor at Bar of 2024-01-03 15:03:00Z" in said.splitlines()[-1]


def test_nothing_is_left_of_it_although_another_strategy_had_traded(
    failed: Callable, tmp_path: Path
) -> None:
    traders = ("BuysAtMarket", "BreaksOnBar3")
    both = {name.lower(): {"path": f"{HERE}:{name}"} for name in traders}
    failed(None, "--out", tmp_path / "out", strategies=both)
    assert not (tmp_path / "out").exists()
    assert not state_dir.runs_dir().exists()
    with Journal.open() as journal:
        assert journal.runs() == []
