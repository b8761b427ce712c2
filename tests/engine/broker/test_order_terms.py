"""Prices are put on the tick so that a stop loses no more than its author asked for."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import OrderSide, Price

from qe_plugins.config.schema import SlippageSettings
from qe_plugins.engine.broker.entry_rules import slippage_points
from qe_plugins.engine.broker.order_terms import group_in, order_tag, prices_on_tick

TICK = Decimal("0.25")
CENTS = st.integers(-500_000, 1_000_000).map(lambda cents: Decimal(cents) / 100)


def order(side: OrderSide, **prices: Decimal) -> Any:
    return SimpleNamespace(
        side=side, **{name: Price.from_decimal_dp(one, 2) for name, one in prices.items()}
    )


@given(CENTS, st.sampled_from([OrderSide.BUY, OrderSide.SELL]))
def test_a_price_moves_less_than_a_tick_to_the_side_that_loses_less(cents, side):
    moved = prices_on_tick(order(side, trigger_price=cents), TICK)
    found = moved["trigger_price"].as_decimal() if moved else cents
    assert found % TICK == 0
    up = found - cents if side == OrderSide.SELL else cents - found
    assert 0 <= up < TICK
    assert bool(moved) == (cents % TICK != 0)


@given(st.text(min_size=1, max_size=30))
def test_a_group_is_read_from_the_tag_that_has_it(name):
    assert group_in(["ENTRY", order_tag(name)]) == name
    assert group_in(["ENTRY", order_tag(None)]) is None


def test_slippage_counts_at_least_a_tick_where_it_depends_on_volume():
    points = {
        model: slippage_points(SlippageSettings(model=model, ticks=0), TICK)
        for model in ("none", "ticks", "half_spread", "square_root")
    }
    assert points == {
        "none": 0,
        "ticks": 0,
        "half_spread": TICK,
        "square_root": TICK,
    }
