"""The momentum hunter, alone with a tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.indicators import AverageTrueRange, MovingAverageType
from nautilus_trader.model import Bar, BarType, Quantity

from agents.hunter_momentum import HunterMomentum, HunterMomentumConfig, Move
from qe_plugins import Side, Signal

Hear = Callable[[Sequence[float]], list[Signal]]
Make = Callable[..., Any]
QUIET = [4750.0, 4750.25] * 4
RALLY = [4751.0, 4752.0, 4753.0, 4754.0, 4755.0]


@pytest.fixture
def hear(qe_plugins: Make, qe_bar: Make, qe_contract: Any) -> Hear:
    """Return a function that plays closes to a hunter and returns its signals."""
    cache = SimpleNamespace(instrument=lambda _: qe_contract)

    def play(closes: Sequence[float]) -> list[Signal]:
        config = HunterMomentumConfig(bars=4, noise_bars=4, threshold=1.0, stop=2.0)
        desk = qe_plugins(HunterMomentum(config))
        start, heard = datetime.fromisoformat("2024-01-03 15:00"), []
        for minute, close in enumerate(closes):
            bar = qe_bar(close, open=close - 0.25, at=str(start + timedelta(minutes=minute)))
            [answer] = desk.call("contribute_signals", bar=bar, cache=cache, history=None)
            assert answer.error is None
            heard.append(answer.value)
        return [signal for signal in heard if signal]

    return play


def test_a_rally_is_bought_with_the_stop_below_and_the_target_above(hear: Hear) -> None:
    [signal] = hear([*QUIET, *RALLY])

    assert signal.side is Side.LONG
    assert signal.stop < signal.entry < signal.target


def test_a_slide_is_sold_with_the_stop_above_and_the_target_below(hear: Hear) -> None:
    [signal] = hear([*QUIET, *(9500.0 - close for close in RALLY)])

    assert signal.side is Side.SHORT
    assert signal.target < signal.entry < signal.stop


def test_a_quiet_market_brings_no_signal(hear: Hear) -> None:
    assert hear(QUIET * 5) == []


def test_nothing_is_said_before_there_are_enough_bars(hear: Hear) -> None:
    assert hear(RALLY[:4]) == []


def test_a_move_is_announced_once_and_again_after_it_has_faded(hear: Hear) -> None:
    once = hear([*QUIET, *RALLY])
    twice = hear([*QUIET, *RALLY, *[4755.0] * 8, *(close + 5 for close in RALLY)])

    assert (len(once), len(twice)) == (1, 2)


def test_a_turn_is_announced_at_once(hear: Hear) -> None:
    signals = hear([*QUIET, *RALLY, 4750.0, 4744.0, 4738.0, 4732.0])

    assert [signal.side for signal in signals] == [Side.LONG, Side.SHORT]


def test_the_target_is_twice_as_far_as_the_stop(hear: Hear) -> None:
    [signal] = hear([*QUIET, *RALLY])

    assert signal.target - signal.entry == 2 * (signal.entry - signal.stop)


def test_stop_and_target_are_on_the_tick_grid(hear: Hear) -> None:
    [signal] = hear([*QUIET, *RALLY])

    assert signal.stop % Decimal("0.25") == signal.target % Decimal("0.25") == 0


def test_confidence_stays_between_nothing_and_one(hear: Hear) -> None:
    [signal] = hear([*QUIET, 4800.0])

    assert 0 < signal.confidence <= 1


steps = st.lists(st.integers(-8, 8), min_size=6, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(2, 9), st.integers(2, 9))
def test_the_noise_is_nautilus_own_average_true_range(
    qe_bar: Make, steps: list[int], count: int, noise_bars: int
) -> None:
    theirs = AverageTrueRange(noise_bars, MovingAverageType.Simple)
    move = Move(HunterMomentumConfig(bars=count, noise_bars=noise_bars))
    closes = [4750 + sum(steps[: n + 1]) * 0.25 for n in range(len(steps))]
    for n, close in enumerate(closes):
        bar = qe_bar(close, open=close - 1, high=close + 0.25, low=close - 1)
        theirs.handle_bar(bar)
        move.add_bar(bar)
        if n >= max(count, noise_bars - 1):
            assert move.noise == pytest.approx(theirs.value)
            walked = (close - closes[n - count]) / (move.noise * count**0.5)
            assert move.size == pytest.approx(walked)
        else:
            assert (move.size, move.noise, move.begins) == (0.0, 0.0, False)


def test_of_two_contracts_the_one_that_trades_more_is_followed(
    qe_plugins: Make, qe_bar: Make, qe_contract: Any
) -> None:
    desk = qe_plugins(HunterMomentum(HunterMomentumConfig(bars=4, noise_bars=4, threshold=1.0)))
    cache, heard = SimpleNamespace(instrument=lambda _: qe_contract), []
    for minute, close in enumerate([*QUIET, *RALLY]):
        near = qe_bar(close, open=close - 0.25, volume=50, at=f"2024-01-03 15:{minute:02}")
        kind = BarType.from_str("MESM24.XCME-1-MINUTE-LAST-EXTERNAL")
        prices = (near.open, near.high, near.low, near.close)
        far = Bar(kind, *prices, Quantity.from_int(100), near.ts_event, near.ts_init)
        for bar in (near, far):
            [answer] = desk.call("contribute_signals", bar=bar, cache=cache, history=None)
            heard += [answer.value] if answer.value else []
    assert [signal.instrument_id for signal in heard] == ["MESM24.XCME"]


def test_called_where_a_trigger_holds_it_sees_the_moves_that_it_sees_at_every_bar(
    qe_plugins: Make, qe_bar: Make, qe_contract: Any, qe_history: Make
) -> None:
    random = np.random.default_rng(5)
    closes = 4750 + 0.25 * np.cumsum(random.integers(-4, 5, 400))
    start = datetime.fromisoformat("2024-01-03 01:00")
    bars = [qe_bar(c, open=c, at=str(start + timedelta(minutes=n))) for n, c in enumerate(closes)]
    kind = bars[0].bar_type
    cache = SimpleNamespace(instrument=lambda _: qe_contract, bar_types=lambda _: [kind])
    called = {None: range(400), "1m.drift.5 > 1": np.flatnonzero(random.random(400) < 0.3)}
    found = {}
    for trigger, numbers in called.items():
        settings = {"bars": 4, "noise_bars": 6, "threshold": 1.0, "trigger": trigger}
        desk = qe_plugins(HunterMomentum(HunterMomentumConfig(**settings)))
        found[trigger] = {}
        for n in map(int, numbers):
            history = qe_history(*bars[: n + 1])
            [answer] = desk.call("contribute_signals", bar=bars[n], cache=cache, history=history)
            assert answer.error is None
            found[trigger][n] = answer.value

    seldom = found["1m.drift.5 > 1"]
    assert sum(one is not None for one in seldom.values()) > 5
    assert seldom == {n: found[None][n] for n in seldom}
