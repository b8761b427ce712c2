"""Properties of every fill, over random markets and random orders.

Costs are prices in ticks, negated for a sale, so that more is always worse for the order.
`QE_FILL_SEEDS=50 uv run pytest tests/engine/simulation/test_properties.py` tries fifty markets of
each kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.simulation.scenarios import (
    CLOSE,
    KINDS,
    MINUTE,
    OPEN,
    PRICED,
    Candle,
    Case,
    Filled,
    Sender,
    Sent,
    scenario,
)

SEEDS = st.sampled_from(range(int(os.environ.get("QE_FILL_SEEDS", "1"))))
SLIP = 1
THROUGH = "slippage: {limit_fills: on_trade_through}"
NEXT_OPEN = "fills: {market: next_open}"

every_seed = settings(deadline=None, database=None, max_examples=60)
SAMPLE = {"market", "limit", "stop_market", "trailing_stop_market"}
every_kind = pytest.mark.parametrize(
    "kind", [one if one in SAMPLE else pytest.param(one, marks=pytest.mark.long) for one in KINDS]
)
"""All kinds in the long suite, a sample in every run."""


class Fill(NamedTuple):
    """A fill as costs, the bar that it is attributed to, and the bar its order was sent on."""

    sent: Sent
    filled: Filled
    cost: int
    bar: Candle
    on: Candle
    sign: int

    @property
    def rested(self) -> bool:
        return self.filled.ts > self.on.ts

    def costs(self) -> tuple[int, int, int]:
        """Return the open, the best and the worst cost of the bar that it filled in."""
        low, high = sorted((self.sign * self.bar.low, self.sign * self.bar.high))
        return self.sign * self.bar.open, low, high


def fills(cases: list[Case]) -> Iterator[Fill]:
    for case in cases:
        bars = {candle.ts: candle for candle in case.candles}
        for sent, filled in zip(case.orders, case.fills, strict=True):
            sign = 1 if sent.buys else -1
            for one in filled:
                assert one.ts in bars, f"{sent} filled at {one}, when no bar closed"
                bar, on = bars[one.ts], case.candles[sent.bar]
                yield Fill(sent, one, sign * one.price, bar, on, sign)


def bare(cases: list[Case]) -> list[list[list[Filled]]]:
    return [case.fills for case in cases]


@every_kind
@given(seed=SEEDS)
@every_seed
def test_a_fill_lies_in_its_bar_or_slips_from_it_against_the_order(kind: str, seed: int) -> None:
    for fill in fills(scenario(seed, kind)):
        _, best, worst = fill.costs()
        if fill.rested and kind in ("limit", "market_to_limit", "stop_limit", "limit_if_touched"):
            assert best <= fill.cost  # over a gap an order that rests fills at its limit
        else:
            assert best <= fill.cost <= worst + SLIP + 1


@every_kind
@given(seed=SEEDS)
@every_seed
def test_no_setting_of_memory_changes_a_fill(kind: str, seed: int) -> None:
    assert bare(scenario(seed, kind, chunk=1_000)) == bare(scenario(seed, kind))


@every_kind
@given(seed=SEEDS)
@every_seed
def test_bars_that_come_later_change_no_fill_before_them(kind: str, seed: int) -> None:
    until = OPEN + 3 * MINUTE
    known = bare(scenario(seed, kind, until=until))
    assert known == [
        [[one for one in filled if one.ts <= until] for filled in case]
        for case in bare(scenario(seed, kind))
    ]


@every_kind
@given(seed=SEEDS)
@every_seed
def test_prices_moved_by_ticks_move_every_fill_by_as_many(kind: str, seed: int) -> None:
    by = 37
    moved = [
        [[one._replace(price=one.price + by) for one in filled] for filled in case]
        for case in bare(scenario(seed, kind))
    ]
    assert bare(scenario(seed, kind, up=by)) == moved


@every_kind
@given(seed=SEEDS)
@every_seed
def test_contracts_beside_it_change_no_fill_of_a_contract(kind: str, seed: int) -> None:
    assert bare(scenario(seed, kind, contracts=7)) == bare(scenario(seed, kind))[:7]


@every_kind
@given(seed=SEEDS)
@every_seed
def test_all_prices_of_a_thin_bar_trade_for_one_contract(kind: str, seed: int) -> None:
    thick = bare(scenario(seed, kind, thick=True))
    for case, wanted in zip(scenario(seed, kind), thick, strict=True):
        for sent, filled, other in zip(case.orders, case.fills, wanted, strict=True):
            assert sent.contracts > 1 or filled == other


@every_kind
@given(seed=SEEDS)
@every_seed
def test_an_order_never_fills_more_than_it_asks_for(kind: str, seed: int) -> None:
    for case in scenario(seed, kind):
        for sent, filled in zip(case.orders, case.fills, strict=True):
            assert sum(one.contracts for one in filled) <= sent.contracts


@every_kind
@given(seed=SEEDS)
@every_seed
def test_nothing_fills_between_the_close_and_the_first_trade_after_it(kind: str, seed: int) -> None:
    for fill in fills(scenario(seed, kind)):
        assert not CLOSE < fill.filled.ts <= OPEN
        if fill.on.ts >= CLOSE:
            assert fill.filled.ts > OPEN


@every_kind
@given(seed=SEEDS)
@every_seed
def test_no_order_fills_after_its_time(kind: str, seed: int) -> None:
    for fill in fills(scenario(seed, kind)):
        if fill.sent.tif == "DAY" and fill.on.ts < CLOSE:
            assert fill.filled.ts <= CLOSE
        if fill.sent.tif == "GTD":
            assert fill.filled.ts <= fill.sent.expires


@every_kind
@given(seed=SEEDS)
@every_seed
def test_at_the_next_open_nothing_fills_on_the_bar_that_it_was_sent_on(
    kind: str, seed: int
) -> None:
    for fill in fills(scenario(seed, kind, settings=NEXT_OPEN)):
        assert fill.rested


@pytest.mark.parametrize("kind", sorted(PRICED))
@given(seed=SEEDS)
@every_seed
def test_no_order_pays_more_than_its_limit(kind: str, seed: int) -> None:
    for fill in fills(scenario(seed, kind)):
        assert fill.cost <= fill.sign * fill.sent.limit


@given(seed=SEEDS)
@every_seed
def test_a_market_order_fills_at_the_close_it_was_sent_on_one_tick_worse(seed: int) -> None:
    for fill in fills(scenario(seed, "market")):
        if not fill.rested:
            assert fill.cost - fill.sign * fill.on.close in (SLIP, SLIP + 1)


@given(seed=SEEDS)
@every_seed
def test_a_market_order_that_waited_fills_at_an_open_one_tick_worse(seed: int) -> None:
    for fill in fills(scenario(seed, "market", settings=NEXT_OPEN)):
        assert fill.cost - fill.costs()[0] in (SLIP, SLIP + 1)


@given(seed=SEEDS)
@every_seed
def test_every_market_order_fills_if_its_contract_trades_again(seed: int) -> None:
    for case in scenario(seed, "market"):
        for sent, filled in zip(case.orders, case.fills, strict=True):
            assert sum(one.contracts for one in filled) == sent.contracts


@given(seed=SEEDS)
@every_seed
def test_a_limit_order_that_rested_fills_at_its_limit(seed: int) -> None:
    for fill in fills(scenario(seed, "limit")):
        if fill.rested:
            assert fill.cost == fill.sign * fill.sent.limit
            assert fill.costs()[1] <= fill.cost


@given(seed=SEEDS)
@every_seed
def test_a_limit_order_fills_at_once_only_through_the_market_and_slips(seed: int) -> None:
    for fill in fills(scenario(seed, "limit")):
        if not fill.rested:
            close, limit = fill.sign * fill.on.close, fill.sign * fill.sent.limit
            assert close < limit
            assert fill.cost in (min(close + SLIP, limit), min(close + SLIP + 1, limit))


@given(seed=SEEDS)
@every_seed
def test_a_limit_order_of_one_contract_fills_in_the_first_bar_that_touches_it(seed: int) -> None:
    for case in scenario(seed, "limit"):
        for sent, filled in zip(case.orders, case.fills, strict=True):
            if sent.contracts == 1 and sent.tif == "GTC":
                assert [one.ts for one in filled] == _first_touch(case, sent, through=False)


@given(seed=SEEDS)
@every_seed
def test_where_limits_must_be_traded_through_a_touch_fills_none(seed: int) -> None:
    for case in scenario(seed, "limit", settings=THROUGH):
        for sent, filled in zip(case.orders, case.fills, strict=True):
            if sent.contracts == 1 and sent.tif == "GTC":
                assert [one.ts for one in filled] == _first_touch(case, sent, through=True)


def _first_touch(case: Case, sent: Sent, *, through: bool) -> list[int]:
    sign = 1 if sent.buys else -1
    limit, on = sign * sent.limit, case.candles[sent.bar]
    if sign * on.close < limit and not CLOSE <= on.ts <= OPEN:
        return [on.ts]
    for candle in case.candles[sent.bar + 1 :]:
        best = min(sign * candle.low, sign * candle.high)
        if best < limit or (best == limit and not through):
            return [candle.ts]
    return []


@given(seed=SEEDS)
@every_seed
def test_a_stop_fills_in_the_first_bar_that_reaches_its_trigger(seed: int) -> None:
    for case in scenario(seed, "stop_market"):
        for sent, filled in zip(case.orders, case.fills, strict=True):
            if sent.tif == "GTC":
                assert {one.ts for one in filled} == set(_first_trigger(case, sent))


@given(seed=SEEDS)
@every_seed
def test_a_stop_fills_at_its_trigger_or_at_an_open_beyond_it(seed: int) -> None:
    for fill in fills(scenario(seed, "stop_market")):
        if fill.rested and fill.on.ts < CLOSE and fill.sign * fill.on.close < _trigger(fill):
            expected = max(_trigger(fill), fill.costs()[0])
            assert fill.cost - expected in (SLIP, SLIP + 1)


@given(seed=SEEDS)
@every_seed
def test_a_touched_order_fills_no_better_than_at_its_trigger_or_the_open(seed: int) -> None:
    for fill in fills(scenario(seed, "market_if_touched")):
        if fill.rested:
            assert fill.cost > min(_trigger(fill), fill.costs()[0])


@given(seed=SEEDS)
@every_seed
def test_a_stop_limit_with_room_fills_in_the_bar_that_reaches_its_trigger(seed: int) -> None:
    for case in scenario(seed, "stop_limit"):
        for sent, filled in zip(case.orders, case.fills, strict=True):
            sign, [first, *_] = 1 if sent.buys else -1, [*_first_trigger(case, sent), 0]
            room = sign * (sent.limit - sent.trigger)
            if sent.tif != "GTC" or first == 0 or room < 0 or first == case.candles[sent.bar].ts:
                continue
            [bar] = [candle for candle in case.candles if candle.ts == first]
            if sign * bar.open <= sign * sent.limit:
                assert filled, f"{sent} was run through by {bar}"
                assert filled[0].ts == first


@given(seed=SEEDS)
@every_seed
def test_a_stop_limit_fills_no_better_than_at_its_trigger_in_the_bar_that_triggers_it(
    seed: int,
) -> None:
    for case in scenario(seed, "stop_limit"):
        for fill in fills([case]):
            [first, *_] = [*_first_trigger(case, fill.sent), 0]
            if fill.filled.ts == first and fill.rested and fill.on.ts < CLOSE:
                assert fill.cost >= min(_trigger(fill) + SLIP, fill.sign * fill.sent.limit)


@given(seed=SEEDS)
@every_seed
def test_a_trailing_stop_never_fills_better_than_its_bar_allows(seed: int) -> None:
    for fill in fills(scenario(seed, "trailing_stop_market")):
        assert fill.cost > fill.costs()[1]


@given(seed=SEEDS)
@every_seed
def test_a_bracket_s_position_is_covered_by_its_stop_or_flat(seed: int) -> None:
    scenario.cache_clear()
    cases = scenario(seed, "bracket")
    assert sum(len(filled) for case in cases for filled in case.fills) > 10
    assert Sender.naked == []


def _trigger(fill: Fill) -> int:
    return fill.sign * fill.sent.trigger


def _first_trigger(case: Case, sent: Sent) -> list[int]:
    """Return when a stop is triggered: when sent behind the market, else in which bar."""
    sign, on = 1 if sent.buys else -1, case.candles[sent.bar]
    later = case.candles[sent.bar + 1 :]
    if sign * on.close >= sign * sent.trigger:
        if not CLOSE <= on.ts <= OPEN:
            return [on.ts]
        [first, *_] = [*later, None]
        if first is None:
            return []
        if sign * first.open >= sign * sent.trigger:
            return [first.ts]
    for candle in later:
        if max(sign * candle.low, sign * candle.high) >= sign * sent.trigger:
            return [candle.ts]
    return []
