"""`qe check` refuses what `qe backtest` refuses before its first bar, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from qe_plugins import state_dir
from qe_plugins.config.loader import Loaded
from qe_plugins.engine.running.describe import describe
from qe_plugins.errors import QeError, StrategyError


class CannotStart(Strategy):
    def on_start(self) -> None:
        raise LookupError("no such instrument")


class AsksForOthers(Strategy):
    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str("ESZ99.XCME-1-MINUTE-LAST-EXTERNAL"))


class LooksAtTheClock(Strategy):
    began: ClassVar[list[datetime]] = []

    def on_start(self) -> None:
        self.began.append(self.clock.utc_now())
        self.submit = True

    def on_bar(self, bar: Any) -> None:
        raise AssertionError("a bar was run")


def of(settings: Callable[..., Loaded], trader: str) -> Loaded:
    return settings(None, strategies={"trader": {"path": f"{__name__}:{trader}"}})


def test_a_strategy_that_cannot_start_is_refused(settings: Callable[..., Loaded]) -> None:
    with pytest.raises(StrategyError, match="no such instrument"):
        describe(of(settings, "CannotStart"))


def test_bars_that_are_not_there_are_refused(settings: Callable[..., Loaded]) -> None:
    with pytest.raises(QeError, match="ESZ99"):
        describe(of(settings, "AsksForOthers"))


def test_it_starts_at_the_first_moment_of_the_data_and_runs_nothing(
    settings: Callable[..., Loaded],
) -> None:
    LooksAtTheClock.began.clear()
    describe(of(settings, "LooksAtTheClock"))
    assert LooksAtTheClock.began == [datetime(2024, 1, 3, 15, 0, tzinfo=UTC)]
    assert not state_dir.runs_dir().exists()
