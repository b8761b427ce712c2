"""Every callback is loud, in strategies, actors and algorithms: none can fail in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nautilus_trader.common import DataActor
from nautilus_trader.model import Bar, ExecAlgorithmId, Quantity
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

from qe_plugins import Plugin, hookimpl
from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import StrategyError
from qe_plugins.plugins import PluginManager
from tests.engine.traders import BARS, BUY, Trader

Run = Callable[..., BacktestResult]
NANOSECONDS = 10**9


class StopsBadly(Trader):
    def on_stop(self) -> None:
        raise RuntimeError("cannot stop")


class DeniedBadly(Trader):
    """Sends an order that the engine itself refuses, and trips over the refusal."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY, Quantity.from_int(1_000)))  # beyond all margin

    def on_order_denied(self, event: Any) -> None:
        raise RuntimeError("denied, how dare you")


class PositionBadly(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def on_position_opened(self, event: Any) -> None:
        raise RuntimeError("no room for a position")


class TicksBadly(Trader):
    """Has a timer that rings every minute, and breaks on the second ring."""

    def bar_1(self) -> None:
        self.rung = 0
        self.clock.set_timer_ns("tick", 60 * NANOSECONDS, callback=self.tick)

    def tick(self, event: Any) -> None:
        self.rung += 1
        if self.rung == 2:
            raise RuntimeError("the clock is broken")


class DefaultTimerBadly(Trader):
    """Leaves the timer to `on_time_event`."""

    def bar_1(self) -> None:
        self.clock.set_time_alert_ns("later", self.clock.timestamp_ns() + 60 * NANOSECONDS)

    def on_time_event(self, event: Any) -> None:
        raise RuntimeError("out of time")


class AssertsBadly(Trader):
    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        assert self.bars < 3, "the average is wrong"


class TimedActor(DataActor):
    def on_start(self) -> None:
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        at = self.clock.timestamp_ns() + 30 * NANOSECONDS
        self.clock.set_time_alert_ns(f"at-{at}", at, self.ring)

    def ring(self, event: Any) -> None:
        raise RuntimeError("an actor's bell")


class BadAlgorithm(ExecutionAlgorithm):
    def __init__(self) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id="BAD"))

    def on_order(self, order: Any) -> None:
        raise RuntimeError("cannot work this")


class TimedAlgorithm(BadAlgorithm):
    """Means to work an order later, and trips when the time comes."""

    def on_order(self, order: Any) -> None:
        at = self.clock.timestamp_ns() + 30 * NANOSECONDS
        self.clock.set_time_alert_ns("slice", at, self.ring)

    def ring(self, event: Any) -> None:
        raise RuntimeError("a slice was lost")


class SendsToBad(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY, exec_algorithm_id=ExecAlgorithmId("BAD")))


@pytest.mark.parametrize(
    ("trader", "said"),
    [
        ("StopsBadly", "RuntimeError: cannot stop"),
        ("DeniedBadly", "RuntimeError: denied, how dare you"),
        ("PositionBadly", "RuntimeError: no room for a position"),
        ("TicksBadly", "RuntimeError: the clock is broken"),
        ("DefaultTimerBadly", "RuntimeError: out of time"),
        ("AssertsBadly", "AssertionError: the average is wrong"),
    ],
)
def test_a_callback_of_a_strategy_that_raises_ends_the_run(
    trade: Run, trader: str, said: str
) -> None:
    with pytest.raises(StrategyError) as raised:
        trade(None, strategies={"one": {"path": f"{__name__}:{trader}"}})
    assert said in str(raised.value)
    assert f"{__name__}:{trader}" in str(raised.value)


def test_a_timer_of_an_actor_that_raises_ends_the_run(trade: Run) -> None:
    with pytest.raises(StrategyError, match="an actor's bell"):
        trade(None, actors={"one": {"path": f"{__name__}:TimedActor"}})


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [("BadAlgorithm", "cannot work this"), ("TimedAlgorithm", "a slice was lost")],
)
def test_an_algorithm_that_raises_ends_the_run(trade: Run, algorithm: str, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        trade(
            None,
            strategies={"one": {"path": f"{__name__}:SendsToBad"}},
            exec_algorithms={"bad": {"path": f"{__name__}:{algorithm}"}},
        )


def test_the_first_exception_is_the_one_that_is_reported(trade: Run) -> None:
    strategies = {
        name: {"path": f"{__name__}:{name}"} for name in ("AssertsBadly", "PositionBadly")
    }
    with pytest.raises(StrategyError, match="no room for a position"):
        trade(None, strategies=strategies)


def test_a_plugin_that_fails_at_the_start_ends_the_run(trade: Run) -> None:
    class Unready(Plugin):
        @hookimpl
        def engine_started(self) -> None:
            raise ConnectionError("no line")

    with pytest.raises(StrategyError) as raised:
        trade(None, Unready())
    assert "plugin Unready at engine_started: ConnectionError: no line" in str(raised.value)


def test_a_run_after_a_run_that_failed_is_like_any_other(settings: Callable[..., Loaded]) -> None:
    loaded = settings("BuysThenSells")
    before = run(loaded, plugins=PluginManager([])).fills_sha256
    file = loaded.file.with_name("bad.yaml")
    file.write_text(loaded.file.read_text().replace("BuysThenSells", "BreaksOnBar3"))
    with pytest.raises(StrategyError):
        run(load(file), plugins=PluginManager([]))
    assert run(loaded, plugins=PluginManager([])).fills_sha256 == before
