"""Strategies receive the same bars in configuration order, after the signal pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.common import DataActor
from nautilus_trader.model import Bar, CustomData, DataType
from nautilus_trader.trading import Strategy

from qe_plugins import Plugin, Side, Signal, hookimpl
from qe_plugins.config.loader import Loaded
from qe_plugins.engine.hosting.dispatch import KEYS, EventDispatcher
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import RunError
from qe_plugins.plugins import PluginManager
from tests.engine.conftest import CONTRACT
from tests.engine.traders import BARS

NAMES = ("Zulu", "Alpha", "Mike", "Bravo", "Yankee")


class Notes:
    """Notes each event with its own name; unsubscribes and subscribes again after some bars."""

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
    """Unsubscribes after the second bar."""

    away: ClassVar[dict[int, str]] = {2: "unsubscribe_bars"}


class Stops(Notes, Strategy):
    """Stops itself at the second bar."""

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        if self.bars == 2:
            self.stop()


class Asked(Plugin):
    """Votes at every bar: a published signal shows that the bar reached the signal pipeline."""

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
    """Return a function that plays bars to strategies and says who received what, in order."""

    def play(*names: str, bars: int = 3, plugins: Any = (), **more: Any) -> list[tuple[str, str]]:
        paths = {
            name.lower(): {"path": f"tests.engine.hosting.test_dispatch:{name}"} for name in names
        }
        loaded = settings(None, closes=(4750,) * bars, strategies=paths, **more)
        run(loaded, plugins=PluginManager([(type(one).__name__, one) for one in plugins]))
        return list(Notes.log)

    return play


Hear = Callable[..., list[tuple[str, str]]]


def everybody(*names: str, what: str = "bar") -> list[tuple[str, str]]:
    return [(name, what) for name in names]


def test_strategies_receive_a_bar_in_the_order_of_the_configuration(hear: Hear) -> None:
    assert hear(*NAMES) == everybody(*NAMES) * 3


def test_a_signal_is_published_before_any_strategy_receives_its_bar(hear: Hear) -> None:
    at_a_bar = [("bridge", "bar"), *everybody(*NAMES, what="signal"), *everybody(*NAMES)]
    assert hear(*NAMES, plugins=[Asked()]) == at_a_bar * 3


def test_so_it_is_for_a_strategy_that_is_alone(hear: Hear) -> None:
    assert hear("Mike", plugins=[Asked()]) == [
        ("bridge", "bar"), ("Mike", "signal"), ("Mike", "bar"),
    ] * 3  # fmt: skip


def test_actors_are_dispatched_with_the_strategies(hear: Hear) -> None:
    actors = {"observer": {"path": "tests.engine.hosting.test_dispatch:Observer"}}
    assert hear("Zulu", "Alpha", actors=actors) == everybody("Zulu", "Alpha", "Observer") * 3


@pytest.mark.parametrize("who", ["Leaves", "Stops"])
def test_a_component_that_unsubscribes_does_not_delay_the_others(hear: Hear, who: str) -> None:
    received = hear("Zulu", who, "Alpha", plugins=[Asked()])
    bars = [name for name, what in received if what == "bar"]
    assert bars == ["bridge", "Zulu", who, "Alpha"] * 2 + ["bridge", "Zulu", "Alpha"]


@pytest.mark.parametrize("who", ["Leaves", "Stops"])
def test_the_pipeline_receives_bars_that_no_other_component_receives_any_more(
    hear: Hear, who: str
) -> None:
    received = hear(who, bars=4, plugins=[Asked()])
    bars = [name for name, what in received if what == "bar"]
    assert bars == ["bridge", who] * 2 + ["bridge"] * 2


class Event(msgspec.Struct, frozen=True):
    """Something that is received, of every kind at once."""

    ts_init: int = 1
    bar_type: str = "bars"
    instrument_id: str = "MES"
    data_type: str = "data"


class RecordedErrors:
    """An exception trap that stores what it records."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def record(self, component: Any, error: BaseException, event: object) -> None:
        self.errors.append(error)


def hosted(name: str, received: list[str]) -> Any:
    """Return a class with the engine's callbacks that notes the events it receives."""

    def note(self: Any, event: Any = None) -> None:
        received.append(name)

    def nothing(self: Any) -> None:
        pass

    states = dict.fromkeys(("on_stop", "on_degrade", "on_fault", "on_resume"), nothing)
    return type(name, (), dict.fromkeys(KEYS, note) | states)


def dispatcher_of(*names: str) -> tuple[EventDispatcher, list[Any], list[str]]:
    """Return a dispatcher, one component a name in that order, and what each received."""
    dispatcher, received = EventDispatcher(RecordedErrors()), []
    kinds = [hosted(name, received) for name in names]
    for kind in kinds:
        dispatcher.register(kind)
    return dispatcher, [kind() for kind in kinds], received


@given(st.permutations("ABCD"), st.permutations("ABCD"), st.sampled_from([*KEYS]))
def test_subscribers_receive_in_their_order_whatever_the_order_of_the_bus(
    joined, called, name
) -> None:
    dispatcher, components, received = dispatcher_of(*"ABCD")
    by_name = dict(zip("ABCD", components, strict=True))
    for one in joined:
        dispatcher.subscribe(name, KEYS[name](Event()), by_name[one])
    for ts in (1, 2):
        for one in called:
            getattr(by_name[one], name)(Event(ts))
    assert received == list("ABCD") * 2


def test_a_lone_subscriber_of_several_keys_receives_each_event_at_once() -> None:
    dispatcher, (one, other), received = dispatcher_of("A", "B")
    for contract in ("MES", "ES"):
        dispatcher.subscribe("on_quote", contract, one)
    one.on_quote(Event(instrument_id="ES"))
    one.on_quote(Event())
    dispatcher.subscribe("on_quote", "ES", other)
    one.on_quote(Event(2))
    other.on_quote(Event(2, instrument_id="ES"))
    assert received == ["A", "A", "A"]
    one.on_quote(Event(2, instrument_id="ES"))
    assert received == ["A", "A", "A", "A", "B"]


def test_subscribers_of_another_key_do_not_delay_an_event() -> None:
    dispatcher, (one, other), received = dispatcher_of("A", "B")
    dispatcher.subscribe("on_quote", "MES", one)
    dispatcher.subscribe("on_quote", "ES", other)
    other.on_quote(Event(instrument_id="ES"))
    one.on_quote(Event())
    assert received == ["B", "A"]


def test_an_event_without_a_subscription_is_handled_by_the_component_that_the_engine_called() -> (
    None
):
    _, (one, _), received = dispatcher_of("A", "B")
    one.on_trade(Event())
    assert received == ["A"]


def test_a_component_outside_of_the_subscription_handles_its_event_alone_and_once() -> None:
    dispatcher, (one, other, third), received = dispatcher_of("A", "B", "C")
    dispatcher.subscribe("on_bar", "bars", one)
    for component in (other, one):
        component.on_bar(Event(1))
    dispatcher.subscribe("on_bar", "bars", third)
    for component in (third, other, one):
        component.on_bar(Event(2))
    assert received == ["B", "A", "B", "A", "C"]


def test_an_event_that_did_not_reach_every_subscriber_stops_the_run() -> None:
    dispatcher, (one, other), received = dispatcher_of("A", "B")
    for component in (one, other):
        dispatcher.subscribe("on_bar", "bars", component)
    one.on_bar(Event(1))
    message = "an event at 1 did not reach all of its subscribers \\(A, B\\)"
    with pytest.raises(RunError, match=message):
        dispatcher.check_complete()
    with pytest.raises(RunError, match=message):
        one.on_bar(Event(2))
    assert len(dispatcher._trap.errors) == 1
    assert received == []


def test_a_component_that_resumes_receives_again_in_its_place() -> None:
    dispatcher, (one, other), received = dispatcher_of("A", "B")
    for component in (one, other):
        dispatcher.subscribe("on_bar", "bars", component)
    one.on_stop()
    other.on_bar(Event(1))
    one.on_resume()
    for component in (other, one):
        component.on_bar(Event(2))
    assert received == ["B", "A", "B"]
