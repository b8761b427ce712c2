"""One live stop a position, at the broker, through the night."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.engine.reconciliation.actions import (
    CancelOrder,
    ClosePosition,
    HaltTrading,
    PlaceStop,
    RaiseAlarm,
)
from qe_plugins.engine.reconciliation.book import BookState
from qe_plugins.engine.reconciliation.protection import ProtectionWatch, stops_of
from tests.engine.reconciliation.made import MES, SECOND, book, order, ours, snapshot


def stops(*orders, net, mine=()):
    return stops_of(MES, snapshot(*orders, net=net), book(*mine))


@given(st.integers(-3, 3).filter(bool))
def test_one_fitting_stop_is_right(net):
    side = "SELL" if net > 0 else "BUY"
    assert stops(order(1, side=side, quantity=Decimal(abs(net))), net=net).is_right


@pytest.mark.parametrize(
    "changed",
    [
        {"outside_rth": False},
        {"time_in_force": "DAY"},
        {"quantity": Decimal(2)},
        {"side": "BUY"},
        {"kind": "LMT"},
        {"status": "Inactive"},
        {"status": "PendingSubmit"},
        {"local_symbol": "ESZ6"},
    ],
)
def test_a_stop_that_would_not_protect_does_not_count(changed):
    assert not stops(order(1, **changed), net=1).is_right


def test_the_stop_of_an_entry_that_fills_in_part_counts():
    entry = order(5, side="BUY", kind="MKT", stop_price=None, quantity=Decimal(3))
    stop = order(6, parent_id=5, quantity=Decimal(3))
    assert stops(entry, stop, net=1).is_right
    assert not stops(stop, net=1).is_right


def run(watch, found, seconds, mine=(), price=None):
    """Return what each of so many seconds causes."""
    return [watch.check(found, book(*mine), n * SECOND, price) for n in range(seconds)]


def test_without_a_stop_it_is_told_within_a_second_and_placed_after_five():
    mine = [ours(order(1), BookState.ENDED)]
    ticks = run(ProtectionWatch(), stops(net=1), 6, mine, Decimal(6500))
    assert [len(one) for one in ticks] == [0, 1, 1, 1, 1, 2]
    assert ticks[5][1] == PlaceStop(MES, "SELL", Decimal(1), Decimal(6490))


@pytest.mark.parametrize(
    ("mine", "price"),
    [((), Decimal(6500)), ((ours(order(1), BookState.ENDED),), Decimal(6490))],
)
def test_it_is_closed_where_the_price_of_the_stop_is_unknown_or_passed(mine, price):
    assert isinstance(
        run(ProtectionWatch(), stops(net=1), 6, mine, price)[5][1],
        ClosePosition,
    )


def test_nothing_is_sent_a_second_time():
    ticks = run(ProtectionWatch(), stops(net=1), 60)
    sent = [one for tick in ticks for one in tick if not isinstance(one, RaiseAlarm)]
    assert [type(one) for one in sent[:2]] == [ClosePosition, HaltTrading]
    assert {type(one) for one in sent[1:]} == {HaltTrading}


def test_of_two_stops_the_later_is_cancelled():
    ticks = run(ProtectionWatch(), stops(order(2), order(1), net=1), 3)
    sent = [one for tick in ticks for one in tick if isinstance(one, CancelOrder)]
    assert [one.perm_id for one in sent] == [2]


def test_exits_of_a_flat_position_are_cancelled():
    mine = [ours(order(7), BookState.ENDED)]
    ticks = run(ProtectionWatch(), stops(order(7), net=0, mine=mine), 6, mine)
    assert [one.perm_id for one in ticks[5] if isinstance(one, CancelOrder)] == [7]


def test_a_stop_entry_of_a_strategy_is_no_stray_exit():
    entry = order(7, side="BUY")
    assert stops(entry, net=0, mine=[ours(entry, is_exit=False)]).is_right


@given(st.lists(st.sampled_from(["right", "none", "two"]), min_size=1, max_size=60))
def test_a_right_stop_at_any_time_ends_the_alarm(states):
    watch = ProtectionWatch()
    found = {
        "right": stops(order(1), net=1),
        "none": stops(net=1),
        "two": stops(order(1), order(2), net=1),
    }
    for second, state in enumerate(states):
        actions = watch.check(found[state], book(), second * SECOND)
        assert (not actions) or state != "right"
        assert (state == "right") == (watch.problems == [])
