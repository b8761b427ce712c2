"""The fault suite with the real node: our book is the broker's within 15 s, or trading is halted.

Each position has one live stop within 5 s, or there was an alarm. `FaultyDesk.check` holds both.
One session serves many tests, as it does in a week: each test ends with what a person would do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import FactKind
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock
from tests.engine.supervision.faulty_desk import FaultyDesk, run_desk

pytestmark = [
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
    pytest.mark.xdist_group("faults"),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[FaultyDesk]:
    clock = AheadClock()
    with SimulatedTws(clock=clock) as tws:
        desk = run_desk(tws, clock, tmp_path_factory.mktemp("desk"))
        yield desk
        desk.kill()


@pytest.fixture
def desk(shared: FaultyDesk) -> Iterator[FaultyDesk]:
    shared.begin()
    yield shared
    shared.recover()


@pytest.mark.long
def test_a_stop_that_a_person_cancels_is_placed_again_at_the_trades_own_price(desk: FaultyDesk):
    desk.enter()
    [stop] = desk.stops()
    desk.tws.control.cancel_as_person(stop["perm_id"])
    desk.until(lambda: len(desk.stops()) == 1, "a stop")
    [repaired] = desk.stops()
    assert (repaired["stop"], repaired["quantity"]) == (stop["stop"], 1)
    assert repaired["fields"]["ocaGroup"] == stop["fields"]["ocaGroup"]
    assert "has no live stop" in desk.texts()
    desk.tws.control.move(stop["stop"] - 1)
    desk.until(lambda: not desk.tws.control.net() and not desk.tws.control.open_orders(), "flat")


def test_a_notice_that_the_adapter_takes_for_a_rejection_is_no_rejection(desk: FaultyDesk):
    desk.tws.control.notice_orders(399)
    desk.live.do("enter")
    desk.until(
        lambda: desk.halted and "live at the broker, our book has it as ended" in desk.texts(),
        "halted",
    )
    assert desk.tws.control.net() == 1
    assert len(desk.stops()) == 1
    desk.watch(2)


@pytest.mark.long
def test_a_manual_trade_halts_and_is_left_to_the_person(desk: FaultyDesk):
    desk.tws.control.manual_order("BUY")
    desk.until(lambda: desk.halted and "of a person is not booked" in desk.texts(), "halted")
    desk.watch(4)
    assert desk.tws.control.net() == 1
    facts = desk.live.facts(FactKind.ALARM, FactKind.HALT)
    assert {one.kind for one in facts} == {FactKind.ALARM, FactKind.HALT}
    assert all(one.body.get("text") or one.body.get("reason") for one in facts)


@pytest.mark.long
def test_a_manual_order_that_no_strategy_owns_halts(desk: FaultyDesk):
    desk.tws.control.manual_order("SELL", kind="STP", price=6480)
    desk.until(lambda: desk.halted and "is no strategy's" in desk.texts(), "halted")


@pytest.mark.long
def test_an_acknowledgement_that_is_lost_is_waited_for_and_nothing_is_sent_again(desk: FaultyDesk):
    desk.tws.control.lose_acknowledgements(4)
    desk.live.do("enter")
    desk.until(lambda: desk.tws.control.net() == 1, "filled")
    desk.until(lambda: desk.is_equal() or desk.halted, "equal or halted")
    assert len(desk.tws.control.received("PlaceOrderRequest", 21)) - desk.orders_before == 3


@pytest.mark.long
def test_a_halt_while_an_acknowledgement_is_lost_leaves_the_exits_of_what_filled(
    desk: FaultyDesk,
):
    cancelled = len(desk.tws.control.received("CancelOrderRequest", 21))
    desk.tws.control.lose_acknowledgements(6)
    desk.live.do("enter")
    desk.until(lambda: desk.tws.control.net() == 1, "filled")
    assert desk.book()["net"] == 0
    desk.latch.set("a test", "person")
    desk.until(lambda: desk.book()["net"] == 1 and desk.is_equal(), "equal")
    desk.watch(3)
    assert len(desk.tws.control.received("CancelOrderRequest", 21)) == cancelled
    assert len(desk.stops()) == 1


@pytest.mark.long
def test_an_entry_that_is_not_acknowledged_is_cancelled_once_the_broker_answers(desk: FaultyDesk):
    control = desk.tws.control
    control.hold_fills()
    control.lose_acknowledgements(4)
    desk.live.do("enter")
    desk.until(lambda: len(control.open_orders()) == 3, "waits")
    desk.latch.set("a test", "person")
    desk.until(lambda: not control.open_orders(), "cancelled")
    control.hold_fills(False)
    desk.watch(3)
    assert control.net() == 0
    assert desk.is_equal()


@pytest.mark.long
def test_a_clock_that_jumps_halts_within_a_minute(desk: FaultyDesk):
    desk.live.do("jump", seconds=6)
    desk.until(lambda: desk.halted, "halted")
    halt = desk.latch.read()
    assert halt is not None
    assert "the clock is off by" in halt.reason
    desk.live.do("enter")
    desk.until(lambda: desk.denied("halt"), "denied")
    desk.live.do("jump", seconds=-6)


def asked(desk: FaultyDesk) -> int:
    """Return how often the session has asked for quotes."""
    return len(desk.tws.control.received("MarketDataRequest", 11))


def lose_data(desk: FaultyDesk) -> None:
    """End an outage by a 1101, and wait until bars come again."""
    before = asked(desk)
    desk.tws.control.restore_connectivity(data_lost=True)
    desk.until(lambda: asked(desk) > before, "asked for quotes")
    bars = len(desk.bars())
    desk.until(lambda: len(desk.bars()) > bars + 1, "bars go on")


def test_streams_are_asked_for_again_after_a_1101(desk: FaultyDesk):
    desk.tws.control.lose_connectivity()
    desk.until(lambda: "gateway lost IB" in desk.texts(), "an alarm")
    lose_data(desk)


@pytest.mark.long
def test_streams_that_were_asked_for_in_an_outage_are_asked_for_again_after_its_1101(
    desk: FaultyDesk,
):
    before = asked(desk)
    desk.tws.control.lose_connectivity()
    desk.until(lambda: asked(desk) > before, "asked for quotes in the outage")
    lose_data(desk)


@pytest.mark.long
def test_a_bracket_at_a_gateway_with_other_habits(desk: FaultyDesk):
    control = desk.tws.control
    control.have_habits(next_id_after=1.5)
    control.commissions("before")
    control.drop_connections()
    desk.until(lambda: "the gateway is gone" in desk.texts(), "told")
    desk.until(lambda: {11, 21, 41} <= set(control.clients()), "connected again", 60)
    desk.settled()
    desk.enter()
    [stop] = desk.stops()
    control.move(stop["stop"] - 1)
    desk.until(lambda: not desk.book()["net"] and not desk.book()["orders"], "booked")
    desk.until(lambda: desk.is_equal() and not desk.book()["refusal"], "equal")
    assert not desk.halted


@pytest.mark.long
def test_two_incarnations_of_one_order_halt(desk: FaultyDesk):
    desk.enter()
    desk.tws.control.keep_incarnations()
    desk.live.do("move_stop", points=1.0)
    desk.until(lambda: desk.halted and "live orders have the reference" in desk.texts(), "halted")


@pytest.mark.long
def test_no_order_is_modified_while_the_connection_is_in_doubt(desk: FaultyDesk):
    desk.enter()
    desk.tws.control.lose_connectivity()
    desk.until(lambda: "gateway lost IB" in desk.texts(), "told")
    sent = len(desk.tws.control.received("PlaceOrderRequest", 21))
    desk.live.do("move_stop", points=1.0)
    desk.until(lambda: desk.refused("the connection to the broker is lost"), "refused")
    desk.tws.control.restore_connectivity()
    assert len(desk.tws.control.received("PlaceOrderRequest", 21)) == sent


@pytest.mark.long
def test_a_gateway_that_restarts_with_a_position_open(desk: FaultyDesk):
    desk.enter()
    desk.tws.control.restart(4)
    desk.until(lambda: "the gateway is gone" in desk.texts(), "told")
    desk.tws.wait_until(lambda now: {11, 21, 41} <= set(now.clients()), 30)
    desk.until(lambda: desk.is_equal() and not desk.book()["refusal"], "equal")
    assert len(desk.stops()) == 1


@pytest.mark.long
def test_a_stop_that_fills_while_the_connection_is_gone(desk: FaultyDesk):
    desk.enter()
    desk.tws.control.restart(2)
    desk.tws.control.move(6480)
    desk.until(lambda: not desk.book()["net"] and not desk.book()["orders"], "booked")
    assert desk.tws.control.open_orders() == []


def test_sockets_that_are_cut_are_opened_again_and_nothing_is_sent_twice(desk: FaultyDesk):
    desk.enter()
    sent = len(desk.tws.control.received("PlaceOrderRequest", 21))
    desk.tws.control.drop_connections()
    desk.until(lambda: "the gateway is gone" in desk.texts(), "an alarm")
    desk.tws.wait_until(lambda now: {11, 21, 41} <= set(now.clients()), 60)
    desk.until(lambda: desk.is_equal() and not desk.book()["refusal"], "equal")
    assert len(desk.stops()) == 1
    assert len(desk.tws.control.received("PlaceOrderRequest", 21)) == sent


@pytest.mark.long
def test_of_two_stops_the_later_one_is_cancelled(desk: FaultyDesk):
    desk.enter()
    [stop] = desk.stops()
    desk.live.do("second_stop", below=stop["stop"])
    desk.until(lambda: "has 2 live stops" in desk.texts(), "an alarm")
    desk.until(lambda: len(desk.stops()) == 1 and desk.is_equal(), "one stop")
    assert desk.stops() == [stop]


@pytest.mark.long
def test_three_rejections_in_a_minute_halt(desk: FaultyDesk):
    for number in range(1, 4):
        desk.tws.control.reject_orders(201, count=3)
        desk.live.do("enter")
        desk.until(lambda n=number: desk.rejected() >= n or desk.halted, "rejected")
        desk.until(lambda: desk.halted or not desk.book()["refusal"], "looked")
    desk.until(lambda: desk.halted, "halted")
    assert desk.tws.control.net() == 0


@pytest.mark.long
def test_acknowledgements_lost_for_45_s(desk: FaultyDesk):
    desk.tws.control.lose_acknowledgements(45)
    desk.live.do("enter")
    desk.watch(45)
    assert desk.halted  # without an answer for 12 s
    desk.until(lambda: desk.book()["net"] == 1 and desk.is_equal(), "booked", 60)
    assert len(desk.stops()) == 1
    assert len(desk.tws.control.received("PlaceOrderRequest", 21)) - desk.orders_before == 3


@pytest.mark.long
def test_a_session_begins_again_after_fills_that_a_mute_gateway_never_told(tmp_path):
    clock = AheadClock()
    with SimulatedTws(clock=clock) as tws:
        desk = run_desk(tws, clock, tmp_path)
        tws.control.mute(45, then="drop")
        desk.live.do("enter")
        tws.wait_until(lambda now: now.net() == 1, 60)
        (tmp_path / "commands").write_text("")  # the session that begins again reads them anew
        for one in tws.control.open_orders():
            tws.control.cancel_as_person(one["perm_id"])
        tws.control.manual_order("SELL")
        desk.live.wait("ready", count=2, seconds=240)
        assert "has filled at the broker" in desk.live.errors.read_text()
        desk.resume()
        desk.settled()
        assert desk.is_equal()
        assert not desk.book()["orders"]
        desk.kill()


@pytest.mark.long
def test_executions_lost_in_a_1100_window_halt_and_a_restart_writes_their_order_off(tmp_path):
    clock = AheadClock()
    with SimulatedTws(clock=clock) as tws:
        desk = run_desk(tws, clock, tmp_path)
        desk.enter()
        tws.control.lose_connectivity(drop_executions=True)
        tws.control.move(6480)
        desk.watch(2)
        tws.control.restore_connectivity()
        desk.watch(20)
        assert desk.halted  # the stop is working in our book for ever
        desk.kill()
        desk.resume()
        desk.start()
        desk.live.until(lambda: desk.book()["at"] and not desk.book()["refusal"], what="ready")
        assert desk.book()["net"] == 0
        assert not desk.halted
        desk.kill()


@pytest.mark.long
def test_an_hour_without_data_in_a_minute(desk: FaultyDesk):
    desk.tws.control.break_farm()
    desk.until(lambda: desk.halted and "the last quote is" in desk.texts(), "halted")
    desk.watch(30)
    desk.live.do("enter")
    desk.until(lambda: desk.denied("halt"), "denied")
    desk.tws.control.mend_farm()


@pytest.mark.long
def test_an_entry_that_fills_in_part_is_protected(desk: FaultyDesk):
    desk.tws.control.hold_fills()
    desk.live.do("enter")
    desk.until(lambda: len(desk.tws.control.open_orders()) == 3, "waits")
    desk.watch(8)
    desk.tws.control.hold_fills(False)
    desk.until(lambda: desk.book()["net"] == 1 and desk.is_equal(), "filled")
    assert not desk.halted
