"""Warm-up: bars closed when asked for, by history or by stream, each once; then trading."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from qe_plugins.engine.live.warm_up import BarCount, WarmUp, warmed
from tests.engine.live.history_client import MINUTE, SECOND, HistoryClient, bar_of, contract, node

BARS = BarType.from_str(f"{contract().id}-1-MINUTE-LAST-EXTERNAL")


def closes(minutes: list[int]) -> list[Any]:
    return [bar_of(BARS, minute * MINUTE) for minute in minutes]


@given(
    st.lists(st.lists(st.integers(1, 30), max_size=12), max_size=4),
    st.lists(st.integers(1, 40), max_size=20),
    st.integers(1, 30),
)
def test_every_bar_counts_once_in_order_and_none_before_it_has_closed(answers, streamed, asked):
    count, counted = BarCount(MINUTE), []
    for minutes in answers:
        counted += count.history(closes(minutes), asked * MINUTE)
    assert all(bar.ts_event <= asked * MINUTE for bar in counted)
    counted += [bar for bar in closes(streamed) if count.streamed(bar)]

    stamps = [bar.ts_event for bar in counted]
    assert stamps == sorted(set(stamps))
    if answers:
        first = {minute for minute in answers[0] if minute <= asked}
        assert {ts // MINUTE for ts in stamps} >= first


def test_no_risk_is_added_until_every_component_has_its_history():
    warm_up, first, second = WarmUp(10), object(), object()
    assert warm_up.refusal() == ""
    for one in (first, second):
        warm_up.asked(one, BARS, 0)
    warm_up.answered(first, BARS)
    assert warm_up.refusal() == f"the session is warming up: no history yet of {BARS}"
    assert warm_up.overdue(30 * SECOND, 30) == []
    assert warm_up.overdue(31 * SECOND, 30) == [str(BARS)]
    warm_up.answered(second, BARS)

    assert (warm_up.refusal(), warm_up.pending) == ("", [])


class Averaging(Strategy):
    """Follows an average of closes, and stops the node once it has what it waits for."""

    done: ClassVar[Callable[[Any], bool]]
    seen: ClassVar[list[tuple[str, list[int]]]] = []
    end: ClassVar[Callable[[], None]]

    def on_start(self) -> None:
        self.average = ExponentialMovingAverage(3)
        self.register_indicator_for_bars(BARS, self.average)
        self.subscribe_bars(BARS)

    def on_historical_bars(self, bars: Any) -> None:
        self.seen.append(("history", [bar.ts_event // MINUTE for bar in bars]))
        self.check()

    def on_bar(self, bar: Any) -> None:
        self.seen.append(("stream", [bar.ts_event // MINUTE]))
        self.check()

    def check(self) -> None:
        if type(self).done(self):
            type(self).end()


def run(warm_up: WarmUp, done: Callable[[Any], bool]) -> Any:
    """Run a node until the strategy has what it waits for, at most ten seconds."""
    Averaging.seen.clear()
    Averaging.done = staticmethod(done)
    HistoryClient.asked.clear()
    live = node()
    strategy = warmed(Averaging, warm_up)()
    live.add_strategy(strategy)
    handle = live.handle()
    Averaging.end = staticmethod(handle.stop)
    late = threading.Timer(10.0, handle.stop)
    late.start()
    live.run()
    late.cancel()
    return strategy


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], int]:
    """Return the function that gives the number of a moment's minute."""
    while time.time() % 60 > 57:  # the whole test within one minute
        time.sleep(0.05)
    return lambda now: now // MINUTE


def streams(minute: Callable[[int], int], minutes: range) -> Any:
    """Return the method that gives the bars of some minutes from now."""
    return staticmethod(lambda now: closes([minute(now) + each for each in minutes]))


def test_a_strategy_receives_history_then_the_stream_and_counts_each_bar_once(monkeypatch, minute):
    before, after = range(-5, 2), range(2)
    monkeypatch.setattr(HistoryClient, "history", streams(minute, before))
    monkeypatch.setattr(HistoryClient, "later", streams(minute, after))
    warm_up = WarmUp(6)

    strategy = run(warm_up, lambda one: one.seen[-1][0] == "stream")

    [request] = HistoryClient.asked
    now = minute(request.ts_init)
    assert request.limit == 6
    assert request.end_ns == now * MINUTE
    assert Averaging.seen == [
        ("history", [now - k for k in range(5, -1, -1)]),
        ("stream", [now + 1]),
    ]
    assert strategy.average.count == 7
    assert strategy.indicators_initialized()
    assert warm_up.pending == []


def test_without_an_answer_the_session_stays_in_its_warm_up(monkeypatch):
    monkeypatch.setattr(HistoryClient, "silent", True)
    monkeypatch.setattr(HistoryClient, "when_asked", staticmethod(lambda: Averaging.end()))
    warm_up = WarmUp(6)

    run(warm_up, lambda one: False)

    assert Averaging.seen == []
    assert warm_up.pending == [str(BARS)]


def test_an_answer_without_bars_ends_the_warm_up(monkeypatch, minute):
    monkeypatch.setattr(HistoryClient, "history", staticmethod(lambda n: []))
    monkeypatch.setattr(HistoryClient, "later", staticmethod(lambda n: closes([minute(n) + 1])))
    warm_up = WarmUp(6)

    run(warm_up, lambda one: True)

    assert [kind for kind, _ in Averaging.seen] == ["stream"]
    assert warm_up.pending == []


def test_a_session_without_warm_up_subscribes_at_once(monkeypatch):
    monkeypatch.setattr(HistoryClient, "when_subscribed", staticmethod(lambda: Averaging.end()))

    run(WarmUp(0), lambda one: False)

    assert HistoryClient.asked == []


def test_a_bar_that_closes_while_history_is_on_its_way_is_asked_for_before_the_stream(minute):
    clock = [10 * MINUTE + 59 * SECOND]
    requests: list[tuple[int, int]] = []

    class Stub:
        """What a component is asked for, without a node."""

        @property
        def clock(self) -> Any:
            return type("Clock", (), {"timestamp_ns": staticmethod(lambda: clock[0])})

        def request_bars(self, bar_type: Any, *, end: Any, limit: int) -> None:
            requests.append((int(end.timestamp()) // 60, limit))

        def subscribe_bars(self, bar_type: Any) -> None:
            requests.append((0, 0))

        def on_historical_bars(self, bars: Any) -> None: ...

        def on_bar(self, bar: Any) -> None: ...

    warm_up = WarmUp(6)
    component = warmed(Stub, warm_up)()
    component.subscribe_bars(BARS)
    clock[0] += 2 * SECOND
    component.on_historical_bars(closes([8, 9, 10, 11]))
    assert warm_up.pending == [str(BARS)]
    component.on_historical_bars(closes([11]))

    assert requests == [(10, 6), (11, 1), (0, 0)]
    assert warm_up.pending == []
