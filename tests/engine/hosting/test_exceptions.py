"""Whatever user code raises ends the run: nothing of such a run is a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins import state_dir
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.errors import StrategyError

Trade = Callable[..., BacktestResult]


@pytest.mark.parametrize(
    ("trader", "error", "at"),
    [
        ("BreaksOnBar3", "ZeroDivisionError: no such average", "2024-01-03 15:02:00Z"),
        ("BreaksInATimer", "KeyError: 'the bell'", "TimeEvent"),
        ("BreaksOnAFill", "LookupError: nobody expected this fill", "OrderFilled"),
        ("BreaksAtStart", "RuntimeError: not today", "start-up"),
    ],
)
def test_what_a_strategy_raises_ends_the_run_with_the_traceback_and_the_event(
    trade: Trade, trader: str, error: str, at: str
) -> None:
    with pytest.raises(StrategyError) as raised:
        trade(trader)
    assert error in str(raised.value)
    assert at in raised.value.at
    assert f"tests.engine.traders:{trader}" in str(raised.value)
    assert "Traceback (most recent call last)" in raised.value.details


def test_what_an_actor_raises_ends_the_run(trade: Trade) -> None:
    actors = {"actors": {"faller": {"path": "tests.engine.traders:BreakingActor"}}}
    with pytest.raises(StrategyError, match="OverflowError: an actor fell"):
        trade(None, **actors)


def test_nothing_is_written_of_a_run_that_failed(trade: Trade) -> None:
    with pytest.raises(StrategyError):
        trade("BreaksOnBar3")
    assert not Path(state_dir.runs_dir()).exists()
