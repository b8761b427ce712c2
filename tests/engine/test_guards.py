"""Whom the gate asks about an order: every guardian, but those who know that nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Bar

from agents.guardian_volatility import GuardianVolatility, GuardianVolatilityConfig
from qe_plugins import OrderRequest, Plugin, Veto, hookimpl
from qe_plugins.config.load import load
from qe_plugins.engine.backtest import run
from qe_plugins.engine.guards import Guards, merged, spells_of
from qe_plugins.errors import HookError, StrategyError
from qe_plugins.journal.records import Kind
from qe_plugins.manager import Plugins
from tests.command import ROOT
from tests.engine import test_history
from tests.engine.test_history import names_of

CONTRACT = "MESH24.XCME"


class Always(Plugin):
    @hookimpl
    def veto_order(self) -> Veto | None:
        return None


class Falls(Plugin):
    """Wants to be asked after bars that closed lower than the one before."""

    lookback = 1

    @hookimpl
    def screen_orders(self, bars: Any) -> Any:
        return self.fell(bars)

    def fell(self, bars: Any) -> Any:
        return np.diff(bars.close, prepend=np.inf) < 0

    @hookimpl
    def veto_order(self) -> Veto | None:
        return Veto("falls")


class LooksAhead(Falls):
    def fell(self, bars: Any) -> Any:
        return np.diff(bars.close, append=-np.inf) < 0


class Stumbles(Falls):
    def fell(self, bars: Any) -> Any:
        raise ZeroDivisionError


class SaysNothing(Falls):
    def fell(self, bars: Any) -> Any:
        return None


class SaysNothingOfFew(Falls):
    def fell(self, bars: Any) -> Any:
        return super().fell(bars) if len(bars) > 200 else None


@pytest.fixture
def bars(qe_bar: Callable[..., Bar]) -> list[Bar]:
    closes = [4750, 4751, 4750, 4751, 4752, 4753, 4751, 4754]
    return [qe_bar(close, at=f"2024-01-03 15:{n:02}") for n, close in enumerate(closes)]


class Floor(test_history.Floor):
    """Guards and the cache that they live on."""

    kind = Guards

    def asked(self, bar: Bar, later: int = 0, contract: str = CONTRACT) -> list[str]:
        """Return who is asked about an order `later` nanoseconds after a bar closed."""
        asker = self.asks.asker(contract, bar.ts_init + later)
        return names_of(asker)


def test_a_guardian_is_asked_while_a_bar_that_it_named_is_the_last(
    qe_plugins: Any, bars: list[Bar]
) -> None:
    floor = Floor(qe_plugins(Falls()))
    floor.expects(bars)
    assert [bool(floor.asked(bar, later=1)) for bar in bars] == [
        True, False, True, False, False, False, True, False,
    ]  # fmt: skip


def test_at_the_moment_of_a_bar_the_one_before_may_still_be_the_last(
    qe_plugins: Any, bars: list[Bar]
) -> None:
    floor = Floor(qe_plugins(Falls()))
    floor.expects(bars)
    assert [bool(floor.asked(bar)) for bar in bars] == [
        True, True, True, True, False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("pieces", [[8], [3, 5], [1] * 8])
def test_before_the_first_bar_of_a_piece_everybody_is_asked(
    qe_plugins: Any, bars: list[Bar], pieces: list[int]
) -> None:
    floor, at = Floor(qe_plugins(Falls())), 0
    for count in pieces:
        piece = bars[at : at + count]
        floor.expects(piece)
        floor.cache.bars += piece
        assert floor.asked(piece[0], later=-1) == ["Falls"]
        assert floor.asked(piece[0]) == ["Falls"]
        at += count
    assert floor.asked(bars[-1], later=1) == []


def test_who_does_not_screen_is_always_asked_in_call_order(
    qe_plugins: Any, bars: list[Bar]
) -> None:
    floor = Floor(qe_plugins(Falls(), Always()))
    floor.expects(bars)
    assert floor.asked(bars[3], later=1) == ["Always"]
    assert floor.asked(bars[2], later=1) == ["Falls", "Always"]


def test_about_a_contract_without_bars_and_without_a_tape_everybody_is_asked(
    qe_plugins: Any, bars: list[Bar]
) -> None:
    floor = Floor(qe_plugins(Falls()))
    assert floor.asked(bars[3], later=1) == ["Falls"]
    floor.expects(bars)
    assert floor.asked(bars[3], later=1, contract="MESM24.XCME") == ["Falls"]


def test_who_fails_is_asked_about_every_order_and_it_is_journaled(
    qe_plugins: Any, bars: list[Bar]
) -> None:
    floor = Floor(qe_plugins(Stumbles()))
    floor.expects(bars)
    assert [floor.asked(bar, later=1) for bar in bars] == [["Stumbles"]] * len(bars)
    fact = floor.recorder.facts[-1]
    assert (fact.kind, fact.source, fact.body["hook"]) == (
        Kind.FAILURE, "Stumbles", "screen_orders",
    )  # fmt: skip


def test_who_says_nothing_of_any_bars_is_always_asked(qe_plugins: Any, bars: list[Bar]) -> None:
    floor = Floor(qe_plugins(SaysNothing()))
    floor.expects(bars)
    assert [floor.asked(bar, later=1) for bar in bars] == [["SaysNothing"]] * len(bars)
    assert floor.recorder.facts == []


@pytest.mark.parametrize("cheat", [LooksAhead, SaysNothingOfFew])
def test_a_screen_that_goes_by_other_bars_than_it_says_stops_the_run(
    qe_plugins: Any, qe_bar: Any, cheat: type[Plugin]
) -> None:
    hours = [qe_bar(4750 + n % 7, at=f"2024-01-03 {n // 60:02}:{n % 60:02}") for n in range(300)]
    with pytest.raises(StrategyError, match=f"plugin {cheat.__name__} at screen_orders"):
        Floor(qe_plugins(cheat())).expects(hours)


def test_a_screen_without_its_question_is_refused(qe_plugins: Any) -> None:
    class Mute(Plugin):
        @hookimpl
        def screen_orders(self) -> None: ...

    with pytest.raises(HookError, match="says when to ask `veto_order`, which is not there"):
        qe_plugins(Mute())


class Counts(GuardianVolatility):
    """Counts how often it is asked itself."""

    questions = 0

    @hookimpl
    def screen_orders(self, bars: Any) -> Any:
        return super().screen_orders(bars)

    @hookimpl
    def veto_order(self, order: OrderRequest, history: Any) -> Veto | None:
        self.questions += 1
        return super().veto_order(order, history)


class AsksEveryTime(Counts):
    screen_orders = None  # type: ignore[assignment]


@pytest.mark.parametrize("chunk", [1_000, 100_000])
def test_a_run_with_a_screen_and_one_without_have_the_same_vetoes_and_fills(
    tmp_path: Path, chunk: int
) -> None:
    cross = {"instrument_id": CONTRACT, "fast": 2, "slow": 5}
    config = {
        "name": "storms",
        "extends": str(ROOT / "configs/base/cme.yaml"),
        "data": {
            "synthetic": {"root": "MES", "start": "2024-01-02", "sessions": 2},
            "chunk": chunk,
        },
        "strategies": {"cross": {"path": "strategies.ema_cross:EmaCross", "config": cross}},
    }
    file = tmp_path / "storms.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    settings = GuardianVolatilityConfig(multiple=2.5)
    guardians = Counts(settings), AsksEveryTime(settings)
    screens, asks = (run(load(file), plugins=Plugins([("storms", one)])) for one in guardians)
    assert [fact.body for fact in screens.facts] == [fact.body for fact in asks.facts]
    assert screens.fills.equals(asks.fills)
    vetoes = [fact for fact in screens.facts if fact.kind is Kind.VETO]
    assert 20 < len(vetoes) <= guardians[0].questions < guardians[1].questions


def test_an_order_that_its_screen_answers_counts_as_asked(qe_plugins: Any, bars: list[Bar]) -> None:
    plugins = qe_plugins(Falls())
    floor = Floor(plugins)
    floor.expects(bars)
    for bar in bars:
        if asker := floor.asks.asker(CONTRACT, bar.ts_init + 1):
            asker()
    [falls] = plugins.stats()
    assert (falls.asked, falls.vetoed) == (8, 3)


def test_a_screen_that_is_inherited_without_its_question_is_refused(qe_plugins: Any) -> None:
    class Stricter(Falls):
        @hookimpl
        def veto_order(self) -> Veto | None:
            return Veto("always")

    with pytest.raises(HookError, match="does not know what the `veto_order` written here"):
        qe_plugins(Stricter())


Bar_ = st.tuples(st.integers(0, 3), st.booleans())
"""How long after the one before a bar is heard, and whether it is named."""


@given(st.lists(st.lists(Bar_, min_size=1, max_size=8), min_size=1, max_size=3))
def test_a_guardian_is_left_out_only_where_no_last_bar_can_be_one_it_named(
    types: list[list[tuple[int, bool]]],
) -> None:
    stamps = [np.cumsum([1 + apart for apart, _ in one]) for one in types]
    flags = [np.array([named for _, named in one]) for one in types]
    spells = merged([spells_of(*pair) for pair in zip(stamps, flags, strict=True)])
    moments = range(int(max(one[-1] for one in stamps)) + 3)
    for ts, held in zip(moments, spells.hold(np.array(moments)), strict=True):
        in_doubt = any(
            _may_be_last(ts, at, heard) and (at < 0 or named[at])
            for heard, named in zip(stamps, flags, strict=True)
            for at in range(-1, len(heard))
        )
        assert held == in_doubt


def _may_be_last(ts: int, at: int, heard: np.ndarray) -> bool:
    """Say whether bar number `at`, or none for -1, can be the last that was heard at a moment."""
    since = heard[at] if at >= 0 else 0
    until = heard[at + 1] if at + 1 < len(heard) else ts
    return bool(since <= ts <= until)
