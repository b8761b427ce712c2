"""The hand that follows signals, in plain Nautilus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from nautilus_trader.model import Price
from nautilus_trader.risk import RiskEngineConfig

from qe_plugins import Signal
from strategies.signal_follower import SignalFollower, SignalFollowerConfig
from tests.strategies.exchange import Desk, trade

Minutes = Callable[..., list[Any]]
Signals = Callable[..., Signal]

LONG = {"side": "LONG", "entry": "4750", "stop": "4740", "target": "4760"}
SHORT = {"side": "SHORT", "entry": "4750", "stop": "4760", "target": "4740"}


def follower(**config: Any) -> SignalFollower:
    return SignalFollower(msgspec.convert(config, SignalFollowerConfig))


def test_a_target_that_fills_cancels_the_stop(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    bars = minutes(4750, 4750, 4765, 4700, 4600)

    done = trade(follower(), qe_contract, bars, {0: qe_signal(**LONG)})

    assert done.fills == ["+1 @ 4750.00", "-1 @ 4760.00"]
    assert done.orders == [
        "MARKET FILLED 1 of 1",
        "STOP_MARKET CANCELED 0 of 1",
        "LIMIT FILLED 1 of 1",
    ]


def test_a_stop_that_fills_cancels_the_target(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    bars = minutes(4750, 4750, 4735, 4800)

    done = trade(follower(), qe_contract, bars, {0: qe_signal(**LONG)})

    assert done.fills == ["+1 @ 4750.00", "-1 @ 4740.00"]
    assert done.orders[2] == "LIMIT CANCELED 0 of 1"
    assert done.open_contracts == 0


def test_a_short_is_the_mirror_image(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    bars = minutes(4750, 4750, 4735, 4800)

    done = trade(follower(), qe_contract, bars, {0: qe_signal(**SHORT)})

    assert done.fills == ["-1 @ 4750.00", "+1 @ 4740.00"]
    assert done.open_contracts == 0


def test_no_order_is_marked_reduce_only_since_the_broker_does_not_know_it(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    done = trade(follower(), qe_contract, minutes(4750, 4750), {0: qe_signal(**LONG)})

    assert not done.reduce_only


def test_an_entry_filled_in_pieces_never_has_more_exits_than_position(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    bars = minutes(4750, 4750, 4765, 4765, 4765, 4735, volume=4)

    done = trade(
        follower(contracts=3),
        qe_contract,
        bars,
        {0: qe_signal(**LONG)},
        liquidity_consumption=True,
    )

    assert sum(int(fill.split()[0]) for fill in done.fills) == done.open_contracts == 0
    assert sum(int(fill.split()[0]) for fill in done.fills if fill[0] == "+") == 3


def test_an_entry_that_the_engine_denies_leaves_no_exits(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    bars = minutes(4750, 4750, 4765, 4735)
    huge = follower(contracts=10_000_000)

    done = trade(huge, margined(qe_contract), bars, {0: qe_signal(**LONG)}, balance="1_000 USD")

    assert done.fills == []
    assert all(" DENIED " in order for order in done.orders)


def test_an_exit_that_the_venue_rejects_closes_the_position(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    wrong = qe_signal(**LONG | {"stop": "4755", "target": "4770"})

    done = trade(follower(), qe_contract, minutes(4750, 4750, 4750), {0: wrong})

    assert "STOP_MARKET REJECTED 0 of 1" in done.orders
    assert done.fills == ["+1 @ 4750.00", "-1 @ 4750.00"]
    assert done.open_contracts == 0


def test_a_second_signal_the_same_way_is_ignored(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    long = qe_signal(**LONG)

    done = trade(follower(), qe_contract, minutes(4750, 4750, 4750), {0: long, 1: long})

    assert done.fills == ["+1 @ 4750.00"]


def test_a_flat_signal_cancels_the_exits_and_closes(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    signals = {0: qe_signal(**LONG), 1: qe_signal(side="FLAT")}

    done = trade(follower(), qe_contract, minutes(4750, 4752, 4765, 4700), signals)

    assert done.fills == ["+1 @ 4750.00", "-1 @ 4752.00"]
    assert [order.split()[1] for order in done.orders] == [
        "FILLED",
        "CANCELED",
        "CANCELED",
        "FILLED",
    ]


def test_a_close_that_is_refused_is_tried_again_at_the_next_signal_and_not_before(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    flat = qe_signal(side="FLAT")
    slow = RiskEngineConfig(max_order_submit_rate="1/01:00:00")
    bars = minutes(*[4750] * 100)
    signals = {0: qe_signal(**LONG), 1: flat, 90: flat}

    done = trade(follower(), qe_contract, bars, signals, risk=slow)

    assert [order.split()[1] for order in done.orders if order[:6] == "MARKET"] == [
        "FILLED",
        "DENIED",
        "FILLED",
    ]
    assert done.open_contracts == 0


def test_a_flat_signal_without_a_position_does_nothing(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    done = trade(follower(), qe_contract, minutes(4750, 4750), {0: qe_signal(side="FLAT")})

    assert done.orders == []


def test_an_opposite_signal_closes_first_and_enters_when_flat(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    signals = {0: qe_signal(**LONG), 1: qe_signal(**SHORT, id="signal:2")}

    done = trade(follower(), qe_contract, minutes(4750, 4751, 4735), signals)

    assert done.fills == ["+1 @ 4750.00", "-1 @ 4751.00", "-1 @ 4751.00", "+1 @ 4740.00"]
    assert done.tags[4] == ["ENTRY", "signal:2"]
    assert done.open_contracts == 0


def test_a_signal_without_a_stop_is_not_followed(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    done = trade(follower(), qe_contract, minutes(4750, 4750), {0: qe_signal(entry="4750")})

    assert done.orders == []


def test_a_signal_without_a_target_gets_one_at_the_configured_reward(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    signal = qe_signal(entry="4750", stop="4745")

    done = trade(follower(reward=3.0), qe_contract, minutes(4750, 4750, 4770), {0: signal})

    assert done.fills == ["+1 @ 4750.00", "-1 @ 4765.00"]


def test_signals_for_other_contracts_are_left_alone(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    only = follower(instruments=["MESM24.XCME"])

    done = trade(only, qe_contract, minutes(4750, 4750), {0: qe_signal(**LONG)})

    assert done.orders == []


@pytest.mark.parametrize(("size", "fills"), [(0, []), (3, ["+3 @ 4750.00"])])
def test_a_hosted_follower_asks_its_desk_for_the_size(
    size: int, fills: list[str], qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    hosted = follower()
    hosted.desk = Desk(size)

    done = trade(hosted, qe_contract, minutes(4750, 4750), {0: qe_signal(**LONG)})

    assert done.fills == fills
    assert len(hosted.desk.asked) == 1


def test_exits_are_put_on_the_tick_grid(
    qe_contract: Any, minutes: Minutes, qe_signal: Signals
) -> None:
    signal = qe_signal(entry="4750", stop="4740.10", target="4760.20")

    done = trade(follower(), qe_contract, minutes(4750, 4750, 4765), {0: signal})

    assert done.fills[1] == f"-1 @ {Price.from_str('4760.25')}"


def margined(contract: Any) -> Any:
    """Return the contract with a margin, as a compiled instrument has it."""
    fields = contract.to_dict() | {"margin_init": "0.05", "margin_maint": "0.05"}
    return type(contract).from_dict(fields)
