"""The momentum hunter, alone with a tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.indicators import AverageTrueRange, MovingAverageType

from agents.hunter_momentum import HunterMomentum, HunterMomentumConfig
from qe_plugins import Side, Signal
from qe_plugins.bars import Bars, columns_of

Hear = Callable[[Sequence[float]], list[Signal]]
Make = Callable[..., Any]
MINUTES = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
QUIET = [4750.0, 4750.25] * 4
RALLY = [4751.0, 4752.0, 4753.0, 4754.0, 4755.0]


@pytest.fixture
def hear(qe_plugins: Make, qe_bar: Make, qe_history: Make, qe_contract: Any) -> Hear:
    """Return a function that plays closes to a hunter and returns its signals."""

    def play(closes: Sequence[float]) -> list[Signal]:
        config = HunterMomentumConfig(bars=4, noise_bars=4, threshold=1.0, stop=2.0)
        desk = qe_plugins(HunterMomentum(config))
        start = datetime.fromisoformat("2024-01-03 15:00")
        bars, heard = [], []
        for minute, close in enumerate(closes):
            at = str(start + timedelta(minutes=minute))
            bars.append(qe_bar(close, open=close - 0.25, at=at))
            screened = {"bars": columns_of(MINUTES, bars), "instrument": qe_contract}
            [named] = desk.ask("screen_bars", **screened)
            assert named.error is None
            if named.value[-1]:
                given = {"bar": bars[-1], "history": qe_history(*bars)}
                [answer] = desk.ask("contribute_signals", **given)
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


walks = st.lists(st.integers(-8, 8), min_size=12, max_size=60)


def walked(steps: list[int]) -> Bars:
    """Return bars that step so many ticks from close to close, with a tick to spare."""
    close = 4750 + np.cumsum(steps) * 0.25
    stamps = np.arange(len(steps))
    columns = {"ts_event": stamps, "close": close, "high": close + 0.25, "low": close - 0.5}
    return Bars(MINUTES, columns)


@given(walks, st.integers(2, 9), st.integers(2, 9))
def test_what_is_said_of_a_bar_takes_no_more_than_the_bars_before_it(
    qe_contract, steps, bars, noise_bars
):
    config = HunterMomentumConfig(bars=bars, noise_bars=noise_bars, threshold=0.8)
    hunter, tape = HunterMomentum(config), walked(steps)
    at_once = hunter.screen_bars(tape, qe_contract).tolist()
    one_by_one = [
        hunter.screen_bars(tape[max(n - hunter.lookback, 0) : n + 1], qe_contract)[-1]
        for n in range(len(tape))
    ]
    assert at_once == one_by_one


def test_the_noise_is_nautilus_own_average_true_range(qe_bar: Make) -> None:
    closes = [4750 + step for step in (0, 1, -2, 4, 4.5, 3, 8, 7.25, -1, 2)]
    bars = [qe_bar(close, open=close - 1, high=close + 2) for close in closes]
    theirs = AverageTrueRange(4, MovingAverageType.Simple)
    told = []
    for bar in bars:
        theirs.handle_bar(bar)
        told.append(theirs.value)
    config = HunterMomentumConfig(bars=4, noise_bars=4)
    _, noise = HunterMomentum(config).moves(columns_of(MINUTES, bars))
    assert noise[3:].tolist() == told[3:]
