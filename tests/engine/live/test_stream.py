"""A session on a paced backtest engine fills what the backtest fills."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.live.pacing import Pace
from qe_plugins.engine.live.session import SessionOptions, Started, run_session
from qe_plugins.engine.live.view import SessionView
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import StrategyError
from tests.command import ROOT

FAST = SessionOptions(speed=None)
QUICKSTART = ROOT / "configs/backtest/quickstart.yaml"
FEW = ("data.synthetic.sessions=3", "data.synthetic.contracts=1")


def unseen(_view: SessionView) -> None:
    """Show nothing."""


def test_the_quickstart_fills_the_same() -> None:
    loaded = load(QUICKSTART, FEW)
    backtest, session = run(loaded), run_session(loaded, FAST, show=unseen)
    assert session.fills.height > 0
    assert session.fills_sha256 == backtest.fills_sha256
    assert session.vetoes.equals(backtest.vetoes)


def test_the_facts_are_the_same() -> None:
    loaded = load(QUICKSTART, FEW)
    assert X


def test_a_session_says_that_it_is_one(settings: Callable[..., Loaded]) -> None:
    session = run_session(settings("Trader"), FAST, show=unseen)
    assert session.mode == "paper"
    assert session.assumptions[0].startswith("A paper session")
    assert session.run_id.endswith("-paper")


def test_a_stopped_session_has_a_result_so_far() -> None:
    paces: list[Pace] = []

    def stop_after_the_first_fill(view: SessionView) -> None:
        if any(one.kind == "fill" for one in view.new):
            paces[0].stop()

    def begin(_started: Started, pace: Pace) -> None:
        paces.append(pace)

    session = run_session(
        load(QUICKSTART, FEW), FAST, show=stop_after_the_first_fill, started=begin
    )
    assert session.fills.height == 1
    assert "stopped before its data ended" in session.assumptions[0]


def test_a_strategy_that_raises_ends_the_session(settings: Callable[..., Loaded]) -> None:
    with pytest.raises(StrategyError):
        run_session(settings("BreaksOnBar3"), FAST, show=unseen)


def test_views_say_what_is_held_and_what_happened() -> None:
    views: list[SessionView] = []
    run_session(load(QUICKSTART, FEW), FAST, show=views.append)
    kinds = {one.kind for view in views for one in view.new}
    assert {"signal", "veto", "fill"} <= kinds
    assert any(view.positions for view in views)
    assert views[-1].last
