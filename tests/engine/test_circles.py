"""Strategies hear the same bars in the order of the configuration, and the bridge before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from nautilus_trader.common import DataActor
from nautilus_trader.model import Bar, CustomData, DataType
from nautilus_trader.trading import Strategy

from qe_plugins import Plugin, Side, Signal, hookimpl
from qe_plugins.config.load import Loaded
from qe_plugins.engine.backtest import run
from qe_plugins.manager import Plugins
from tests.engine.conftest import CONTRACT
from tests.engine.traders import BARS

NAMES = ("Zulu", "Alpha", "Mike", "Bravo", "Yankee")


class Notes:
    """Notes whom it hears what, and after how many bars it leaves and comes back."""

    log: ClassVar[list[tuple[str, str]]] = []
    away: ClassVar[dict[int, str]] = {}

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.bars = 0

    def on_start(self) -> None:
        self.subscribe_bars(BARS)
        self.subscribe_data(DataType("Signal"))

    def on_bar(self, bar: Bar) -> None:
        self.bars += 1
        self.log.append((type(self).__name__, "bar"))
        if act := self.away.get(self.bars):
            getattr(self, act)(BARS)

    def on_data(self, data: CustomData) -> None:
        self.log.append((type(self).__name__, "signal"))


Zulu, Alpha, Mike, Bravo, Yankee = (type(name, (Notes, Strategy), {}) for name in NAMES)
Observer = type("Observer", (Notes, DataActor), {})


class Leaves(Notes, Strategy):
    """Hears no more bars after the second one."""

    away: ClassVar[dict[int, str]] = {2: "unsubscribe_bars"}


class Stops(Notes, Strategy):
    """Stops itself at the second bar."""

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        if self.bars == 2:
            self.stop()


class Asked(Plugin):
    """Wishes at every bar, which is how a bar is seen to have reached the bridge."""

    @hookimpl
    def contribute_signals(self, bar: Any) -> Signal:
        Notes.log.append(("bridge", "bar"))
        return Signal(instrument_id=CONTRACT, side=Side.LONG, reason="a test")

    @hookimpl
    def resolve_signals(self, signals: list[Signal]) -> Signal:
        return signals[0]


@pytest.fixture(autouse=True)
def log() -> Iterator[list[tuple[str, str]]]:
    Notes.log.clear()
    yield Notes.log
    Notes.log.clear()


@pytest.fixture
def hear(settings: Callable[..., Loaded]) -> Callable[..., list[tuple[str, str]]]:
    """Return a function that plays bars to strategies and says who heard what, in order."""

    def play(*names: str, bars: int = 3, plugins: Any = (), **more: Any) -> list[tuple[str, str]]:
        paths = {name.lower(): {"path": f"tests.engine.test_circles:{name}"} for name in names}
        loaded = settings(None, closes=(4750,) * bars, strategies=paths, **more)
        run(loaded, plugins=Plugins([(type(one).__name__, one) for one in plugins]))
        return list(Notes.log)

    return play


Hear = Callable[..., list[tuple[str, str]]]


def everybody(*names: str, what: str = "bar") -> list[tuple[str, str]]:
    return [(name, what) for name in names]


def test_strategies_hear_a_bar_in_the_order_of_the_configuration(hear: Hear) -> None:
    assert hear(*NAMES) == everybody(*NAMES) * 3


def test_a_signal_is_out_before_any_strategy_hears_its_bar(hear: Hear) -> None:
    at_a_bar = [("bridge", "bar"), *everybody(*NAMES, what="signal"), *everybody(*NAMES)]
    assert hear(*NAMES, plugins=[Asked()]) == at_a_bar * 3


def test_so_it_is_for_a_strategy_that_is_alone(hear: Hear) -> None:
    assert hear("Mike", plugins=[Asked()]) == [
        ("bridge", "bar"), ("Mike", "signal"), ("Mike", "bar"),
    ] * 3  # fmt: skip


def test_actors_hear_in_the_same_circle(hear: Hear) -> None:
    actors = {"observer": {"path": "tests.engine.test_circles:Observer"}}
    assert hear("Zulu", "Alpha", actors=actors) == everybody("Zulu", "Alpha", "Observer") * 3


@pytest.mark.parametrize("who", ["Leaves", "Stops"])
def test_who_leaves_keeps_nobody_waiting(hear: Hear, who: str) -> None:
    heard = hear("Zulu", who, "Alpha", plugins=[Asked()])
    bars = [name for name, what in heard if what == "bar"]
    assert bars == ["bridge", "Zulu", who, "Alpha"] * 2 + ["bridge", "Zulu", "Alpha"]


@pytest.mark.parametrize("who", ["Leaves", "Stops"])
def test_the_bridge_hears_bars_that_nobody_else_hears_any_more(hear: Hear, who: str) -> None:
    heard = hear(who, bars=4, plugins=[Asked()])
    bars = [name for name, what in heard if what == "bar"]
    assert bars == ["bridge", who] * 2 + ["bridge"] * 2
