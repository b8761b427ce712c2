"""The roll of a session: never more than the position, never without a stop, no order twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.engine.rolling import session_roll as roll
from qe_plugins.engine.rolling.roll_state import OrderRole, OrderUpdate, Phase
from tests.engine.rolling.roll_venue import LIMIT, Process, begun, settle

ENTRY = "R1-entry"
CLOSE = "R1-close"


def closed(process: Process, name: str) -> None:
    """Confirm the end of an order and say so."""
    order = process.venue.orders[name]
    order.closed = True
    process.hear(order.news)


def filled(process: Process, name: str, contracts: int) -> None:
    order = process.venue.orders[name]
    process.venue.fill(order, contracts)
    process.hear(order.news)


def sent(process: Process) -> list[str]:
    return process.venue.sent


def test_a_position_is_rolled_step_by_step_and_each_step_waits_for_the_one_before():
    process = begun(2)
    assert process.state.phase is Phase.CANCELLING
    assert {one.id for one in process.venue.open if one.cancelled} == {"S", "T"}
    closed(process, "T")
    assert (process.state.phase, sent(process)) == (Phase.CANCELLING, [])
    closed(process, "S")
    assert (process.state.phase, sent(process)) == (Phase.CLOSING, [CLOSE])
    filled(process, CLOSE, 1)
    assert sent(process) == [CLOSE]
    filled(process, CLOSE, 1)
    assert process.state.phase is Phase.OPENING
    assert sent(process)[1:] == [ENTRY, "R1-new_stop-S", "R1-new_exit-T"]
    filled(process, ENTRY, 2)
    assert process.state.phase is Phase.OPENING
    process.hear(process.venue.orders["R1-new_stop-S"].news)

    assert (process.state.phase, process.state.outcome) == (Phase.ENDED, "rolled")
    assert process.halts == []


def test_a_roll_that_may_not_enter_only_closes():
    process = begun(1, enters=False)
    settle(process)

    assert (process.state.outcome, process.venue.before, process.venue.after) == ("flat", 0, 0)


def test_a_stop_that_fills_while_it_is_cancelled_leaves_nothing_to_roll():
    process = begun(1)
    filled(process, "S", 1)
    settle(process)

    assert (process.state.outcome, sent(process)) == ("flat", [])


def test_only_what_the_roll_closed_is_opened_again():
    process = begun(3)
    filled(process, "T", 1)
    settle(process)

    assert process.venue.orders[CLOSE].quantity == 2
    assert process.venue.orders[ENTRY].quantity == 2
    assert process.state.outcome == "rolled"


def test_a_close_that_is_refused_is_followed_by_a_stop_and_a_halt():
    process = begun(1)
    closed(process, "S")
    closed(process, "T")
    closed(process, CLOSE)
    assert "the close was refused" in process.halts[0]
    assert process.state.phase is Phase.CLOSING
    process.hear(process.venue.orders["R1-restore-S"].news)

    assert (process.state.phase, process.state.outcome) == (Phase.ENDED, "kept")
    assert process.venue.protected("before")


def test_where_not_even_the_stop_is_taken_a_person_is_told():
    process = begun(1)
    for name in ("S", "T", CLOSE, "R1-restore-S"):
        closed(process, name)

    assert process.state.phase is Phase.CLOSING
    assert process.halts[-1].startswith("WITHOUT A STOP: roll R1 is closing, held 1 in ESZ13.XCME")


def test_an_entry_that_is_refused_ends_flat_with_its_exits_cancelled():
    process = begun(1)
    closed(process, "S")
    closed(process, "T")
    filled(process, CLOSE, 1)
    closed(process, ENTRY)
    settle(process)

    assert process.state.outcome == "flat"
    assert process.venue.open == []


def test_an_entry_without_its_stop_is_undone_and_halts():
    process = begun(2)
    closed(process, "S")
    closed(process, "T")
    filled(process, CLOSE, 2)
    closed(process, "R1-new_stop-S")
    filled(process, ENTRY, 1)
    settle(process)

    assert "the new stop was refused" in process.halts[0]
    assert (process.venue.before, process.venue.after) == (0, 0)
    assert process.state.outcome == "flat"


def test_exits_are_made_smaller_where_the_entry_filled_in_part():
    process = begun(3)
    closed(process, "S")
    closed(process, "T")
    filled(process, CLOSE, 3)
    filled(process, ENTRY, 1)
    process.hear(process.venue.orders["R1-new_stop-S"].news)
    closed(process, ENTRY)

    assert process.state.outcome == "rolled"
    assert process.venue.orders["R1-new_stop-S"].quantity == 1


@pytest.mark.parametrize("confirmed", [[], ["S", "T"], ["S", "T", "close"]])
def test_a_step_that_is_not_confirmed_in_time_halts_once_and_says_where_it_stands(confirmed):
    process = begun(1)
    for name in confirmed:
        if name == "close":
            filled(process, CLOSE, 1)
        else:
            closed(process, name)
    process.guarded(roll.tick(process.state, LIMIT - 1, LIMIT))
    assert process.halts == []
    for now in (LIMIT, LIMIT + 1, 9 * LIMIT):
        process.guarded(roll.tick(process.state, now, LIMIT))

    assert len(process.halts) == 1
    assert f"roll R1 is {process.state.phase}, held " in process.halts[0]


def test_after_a_halt_the_position_is_closed_and_nothing_is_opened():
    process = begun(1)
    process.guarded(roll.tick(process.state, LIMIT, LIMIT))
    settle(process)

    assert process.state.outcome == "flat"
    assert ENTRY not in sent(process)


def test_a_process_that_died_before_it_sent_an_order_does_not_send_it_afterwards():
    process = begun(1)
    closed(process, "T")
    process.survives = 0
    closed(process, "S")

    assert sent(process) == []
    assert "unknown after a restart: R1-close" in process.halts[0]


def test_a_process_that_died_after_it_sent_an_order_goes_on():
    process = begun(1)
    closed(process, "T")
    process.survives = 1
    closed(process, "S")
    settle(process)

    assert process.halts == []
    assert process.state.outcome == "rolled"


MOVES = st.sampled_from(
    [*("accept", "fill", "cancel", "refuse", "lapse"), *("hear", "catch up", "tick", "die")]
)


@settings(max_examples=200)
@given(st.data(), st.integers(1, 3), st.booleans(), st.booleans(), st.booleans())
def test_whatever_happens_the_position_is_never_larger_never_bare_and_no_order_is_sent_twice(
    data, quantity, stop, target, enters
):
    process = begun(quantity, stop=stop, target=target, enters=enters)
    venue = process.venue
    for move in data.draw(st.lists(MOVES, max_size=30)):
        process.now += 1
        settled = False
        if move in ("accept", "fill", "cancel", "refuse", "lapse"):
            if not venue.open:
                continue
            order = data.draw(st.sampled_from(venue.open))
            change(process, order, move, data)
            process.heard.append(order.news)
        elif move == "hear" and process.heard:
            news = data.draw(st.sampled_from(process.heard))  # late, early, or a second time
            process.survives = data.draw(st.one_of(st.none(), st.integers(0, 3)))
            process.hear(news)
            process.survives = None
        elif move == "catch up":
            process.catch_up()
            settled = True
        elif move == "tick":
            process.now += data.draw(st.integers(0, LIMIT))
            process.guarded(roll.tick(process.state, process.now, LIMIT))
        elif move == "die":
            process.restart()
            settled = True
        holds(process, quantity)
        if settled and stop:
            is_protected(process)


def change(process: Process, order, move: str, data) -> None:
    venue = process.venue
    if move == "accept":
        order.accepted = True
    elif move == "fill" and venue.held_for(order):
        venue.fill(order, data.draw(st.integers(1, venue.held_for(order))))
    elif move == "cancel" and order.cancelled:
        order.accepted = order.closed = True
    elif (move == "refuse" and not order.accepted) or move == "lapse":
        order.closed = True


def holds(process: Process, quantity: int) -> None:
    venue = process.venue
    assert venue.before >= 0
    assert venue.after >= 0
    assert venue.before + venue.after <= quantity
    assert len(set(venue.sent)) == len(venue.sent)
    if process.state.halted:
        assert process.halts


def is_protected(process: Process) -> None:
    """With all news heard, a position without a stop is being closed."""
    if process.state.phase is Phase.CLOSING:
        return
    if process.state.phase is Phase.ENDED and process.state.outcome == "rolled":
        return  # the stop is the strategy's again
    for contract in ("before", "after"):
        if getattr(process.venue, contract):
            ended_kept = process.state.outcome == "kept"
            assert process.venue.protected(contract) or ended_kept, process.state.where


@given(st.integers(1, 4), st.booleans(), st.booleans())
def test_a_venue_that_does_what_it_is_asked_ends_every_roll(quantity, stop, target):
    process = begun(quantity, stop=stop, target=target)
    settle(process)

    assert (process.state.phase, process.state.outcome) == (Phase.ENDED, "rolled")
    assert (process.venue.before, process.venue.after) == (0, quantity)
    assert process.halts == []
    wanted = [OrderRole.NEW_STOP] * stop + [OrderRole.NEW_EXIT] * target
    assert [one.role for one in process.venue.open] == wanted


def test_news_that_are_heard_twice_or_late_change_nothing():
    process = begun(2)
    filled(process, "T", 1)
    before = process.state
    process.hear(OrderUpdate(id="T", state="working", filled=0))
    process.hear(OrderUpdate(id="T", state="working", filled=1))
    process.hear(OrderUpdate(id="another's", state="closed", filled=1))

    assert process.state == before
