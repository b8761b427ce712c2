"""The momentum hunter, alone with a tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.hunter_momentum import HunterMomentum, HunterMomentumConfig
from qe_plugins import Side, Signal

Hear = Callable[[Sequence[float]], list[Signal]]
QUIET = [4750.0, 4750.25] * 4
RALLY = [4751.0, 4752.0, 4753.0, 4754.0, 4755.0]


class Contracts:
    """A cache that knows one contract."""

    def __init__(self, contract: Any) -> None:
        self.contract = contract

    def instrument(self, instrument_id: Any) -> Any:
        return self.contract


@pytest.fixture
def hear(qe_plugins: Callable[..., Any], qe_bar: Callable[..., Any], qe_contract: Any) -> Hear:
    """Return a function that plays closes to a hunter and returns its signals."""

    def play(closes: Sequence[float]) -> list[Signal]:
        config = HunterMomentumConfig(bars=4, noise_bars=4, threshold=1.0, stop=2.0)
        desk = qe_plugins(HunterMomentum(config))
        start = datetime.fromisoformat("2024-01-03 15:00")
        heard = []
        for minute, close in enumerate(closes):
            bar = qe_bar(close, open=close - 0.25, at=str(start + timedelta(minutes=minute)))
            [answer] = desk.ask("contribute_signals", bar=bar, cache=Contracts(qe_contract))
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
