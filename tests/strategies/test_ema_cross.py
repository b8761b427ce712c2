"""The moving-average cross, in plain Nautilus."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.risk import RiskEngineConfig

from strategies.ema_cross import EmaCross, EmaCrossConfig
from tests.strategies.exchange import trade

Minutes = Callable[..., list[Any]]
CLOSES = (4750, 4750, 4750, 4752, 4754, 4756, 4750, 4744, 4740, 4750, 4760)


def cross(**config: Any) -> EmaCross:
    given = {"instrument_id": "MESH24.XCME", "fast": 2, "slow": 3} | config
    return EmaCross(msgspec.convert(given, EmaCrossConfig))


def test_it_is_always_in_the_market_and_reverses_with_twice_the_size(
    qe_contract: Any, minutes: Minutes
) -> None:
    done = trade(cross(), qe_contract, minutes(*CLOSES))

    assert [fill.split()[0] for fill in done.fills] == ["-1", "+2", "-2", "+2"]
    assert done.open_contracts == 1


def test_long_flat_never_goes_short(qe_contract: Any, minutes: Minutes) -> None:
    done = trade(cross(mode="long_flat"), qe_contract, minutes(*CLOSES))

    assert [fill.split()[0] for fill in done.fills] == ["+1", "-1", "+1"]


def test_contracts_set_the_size(qe_contract: Any, minutes: Minutes) -> None:
    done = trade(cross(contracts=3), qe_contract, minutes(*CLOSES))

    assert [fill.split()[0] for fill in done.fills] == ["-3", "+6", "-6", "+6"]


def test_nothing_is_traded_before_the_averages_are_full(qe_contract: Any, minutes: Minutes) -> None:
    assert trade(cross(slow=20), qe_contract, minutes(*CLOSES)).orders == []


def test_a_reversal_that_is_refused_is_closed_at_the_next_bar(
    qe_contract: Any, minutes: Minutes
) -> None:
    one_contract = RiskEngineConfig(max_notional_per_order={str(qe_contract.id): Decimal(30_000)})

    done = trade(cross(), qe_contract, minutes(*CLOSES, 4760), risk=one_contract)

    assert [order.split()[1] for order in done.orders].count("DENIED") == 2
    assert [fill.split()[0] for fill in done.fills] == ["-1", "+1", "-1", "+1"]
    assert done.open_contracts == 0


def test_the_same_bars_make_the_same_fills(qe_contract: Any, minutes: Minutes) -> None:
    runs = [trade(cross(), qe_contract, minutes(*CLOSES)).fills for _ in range(2)]

    assert runs[0] == runs[1]


def test_a_fast_average_longer_than_the_slow_one_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="fast must be shorter than slow"):
        cross(fast=9)
