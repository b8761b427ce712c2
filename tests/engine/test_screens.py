"""Whom the bridge asks at a bar: everybody, but those who named their bars beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model import Bar

from qe_plugins import Plugin, Side, Signal, hookimpl
from qe_plugins.engine.screens import Screens
from qe_plugins.errors import StrategyError
from qe_plugins.journal.records import Kind
from tests.engine import test_history
from tests.engine.test_history import names_of

WISH = Signal(instrument_id="MESH24.XCME", side=Side.LONG, reason="a test")


class Always(Plugin):
    @hookimpl
    def contribute_signals(self) -> Signal:
        return WISH


class Rises(Plugin):
    """Names the bars that closed higher than the one before."""

    lookback = 1

    @hookimpl
    def screen_bars(self, bars: Any) -> Any:
        return self.rose(bars)

    def rose(self, bars: Any) -> Any:
        return np.diff(bars.close, prepend=np.inf) > 0

    @hookimpl
    def contribute_signals(self) -> Signal:
        return WISH


class LooksAhead(Rises):
    def rose(self, bars: Any) -> Any:
        return np.diff(bars.close, append=-np.inf) > 0


class LooksFurtherBack(Rises):
    def rose(self, bars: Any) -> Any:
        return bars.close > bars.close[0]


class SaysTooLittle(Rises):
    def rose(self, bars: Any) -> Any:
        return super().rose(bars)[1:]


class Stumbles(Rises):
    def rose(self, bars: Any) -> Any:
        raise ZeroDivisionError


class Names(Rises):
    def rose(self, bars: Any) -> Any:
        return None


@pytest.fixture
def bars(qe_bar: Callable[..., Bar]) -> list[Bar]:
    closes = [4750, 4751, 4750, 4750, 4752, 4753, 4751, 4754]
    return [qe_bar(close, at=f"2024-01-03 15:{n:02}") for n, close in enumerate(closes)]


class Floor(test_history.Floor):
    """Screens and the cache that they live on."""

    kind = Screens

    def asked(self, bar: Bar) -> list[str]:
        """Return who is asked when a bar closes."""
        self.cache.bars.append(bar)
        asker = self.asks.asker(bar)
        return names_of(asker)


@pytest.mark.parametrize("pieces", [[8], [3, 5], [1] * 8, []])
def test_a_plugin_is_asked_at_the_bars_it_named_whatever_the_pieces(
    qe_plugins: Any, bars: list[Bar], pieces: list[int]
) -> None:
    floor, told, at = Floor(qe_plugins(Rises())), [], 0
    for count in pieces:
        floor.expects(bars[at : at + count])
        told += [floor.asked(bar) for bar in bars[at : at + count]]
        at += count
    told += [floor.asked(bar) for bar in bars[at:]]  # as in a live session
    assert ["Rises" in names for names in told] == [
        False, True, False, False, True, True, False, True,
    ]  # fmt: skip


def test_who_names_no_bars_is_asked_at_all_of_them_in_call_order(
    qe_plugins: Any, bars: list[Bar]
) -> None:
    floor = Floor(qe_plugins(Rises(), Always()))
    floor.expects(bars)
    assert not floor.asks.skips
    assert [floor.asked(bar) for bar in bars[:2]] == [["Always"], ["Rises", "Always"]]


def test_where_all_name_their_bars_the_rest_can_be_skipped(qe_plugins: Any) -> None:
    assert Floor(qe_plugins(Rises())).asks.skips
    assert not Floor(qe_plugins(Always())).asks.skips
    assert not Floor(qe_plugins()).asks.skips


def test_a_screen_is_told_the_contract_of_its_bars(qe_plugins: Any, bars: list[Bar]) -> None:
    told = []

    class Asks(Rises):
        @hookimpl
        def screen_bars(self, bars: Any, instrument: Any) -> Any:
            told.append(instrument)
            return self.rose(bars)

    Floor(qe_plugins(Asks())).expects(bars)
    assert set(told) == {"the contract MESH24.XCME"}


@pytest.mark.parametrize("cheat", [LooksAhead, LooksFurtherBack])
def test_a_screen_that_looks_ahead_or_further_back_than_it_says_stops_the_run(
    qe_plugins: Any, qe_bar: Any, cheat: type[Plugin]
) -> None:
    hours = [qe_bar(4750 + n % 7, at=f"2024-01-03 {n // 60:02}:{n % 60:02}") for n in range(300)]
    with pytest.raises(StrategyError, match=f"plugin {cheat.__name__} at screen_bars"):
        Floor(qe_plugins(cheat())).expects(hours)


@pytest.mark.parametrize(
    ("plugin", "says"),
    [(SaysTooLittle, "8 times True or False are needed"), (Stumbles, "ZeroDivisionError")],
)
def test_a_screen_that_fails_names_no_bars_and_is_journaled(
    qe_plugins: Any, bars: list[Bar], plugin: type[Plugin], says: str
) -> None:
    floor = Floor(qe_plugins(plugin()))
    floor.expects(bars)
    assert [floor.asked(bar) for bar in bars] == [[]] * len(bars)
    fact = floor.recorder.facts[-1]
    assert (fact.kind, fact.source, fact.body["hook"]) == (
        Kind.FAILURE, plugin.__name__, "screen_bars",
    )  # fmt: skip
    assert says in fact.body["error"]


def test_none_names_no_bar(qe_plugins: Any, bars: list[Bar]) -> None:
    floor = Floor(qe_plugins(Names()))
    floor.expects(bars)
    assert [floor.asked(bar) for bar in bars] == [[]] * len(bars)
    assert floor.recorder.facts == []


def test_screening_does_not_count_as_asking(qe_plugins: Any, bars: list[Bar]) -> None:
    plugins = qe_plugins(Rises(), Stumbles())
    floor = Floor(plugins)
    floor.expects(bars)
    for bar in bars:
        if asker := floor.asks.asker(bar):
            asker()
    rises, stumbles = plugins.stats()
    assert (rises.asked, rises.answered, rises.failed) == (4, 4, 0)
    assert (stumbles.asked, stumbles.answered) == (0, 0)
    assert stumbles.failed > 0
