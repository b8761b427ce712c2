"""kill -9 in every state of a bracket, then the session again: both books equal, one live stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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

TRADER = "tests.engine.supervision.mortal_trader:Mortal"


def before_the_intent(desk: FaultyDesk) -> None:
    die_at(desk, "before the intent")


def intent_written(desk: FaultyDesk) -> None:
    die_at(desk, "intent written")
    assert len(desk.live.facts(FactKind.ORDER)) == 3


def sent(desk: FaultyDesk) -> None:
    control = desk.tws.control
    control.lose_acknowledgements(3)
    desk.live.do("enter")
    desk.tws.wait_until(lambda now: len(now.received("PlaceOrderRequest", 21)) >= 3)
    desk.kill()


def accepted(desk: FaultyDesk) -> None:
    desk.tws.control.hold_fills()
    desk.live.do("enter")
    desk.until(lambda: len(desk.book()["orders"]) == 3, "accepted")
    desk.kill()
    desk.tws.control.hold_fills(False)


def partly_filled(desk: FaultyDesk) -> None:
    control = desk.tws.control
    control.fill_at_most(1)
    control.hold_fills()
    desk.live.do("enter", stop=4.0, contracts=2)
    desk.until(lambda: len(desk.book()["orders"]) == 3, "accepted")
    control.hold_fills(False)
    desk.tws.wait_until(lambda now: now.net() == 1)
    control.hold_fills()
    desk.kill()
    control.fill_at_most(0)
    control.hold_fills(False)


def filled(desk: FaultyDesk) -> None:
    desk.enter()
    desk.kill()


def exiting(desk: FaultyDesk) -> None:
    desk.enter()
    desk.tws.control.hold_fills()
    desk.live.do("close", way="position")
    desk.tws.wait_until(lambda now: "MKT" in {one["type"] for one in now.open_orders()})
    desk.kill()
    desk.tws.control.hold_fills(False)


def die_at(desk: FaultyDesk, moment: str) -> None:
    desk.live.do("die_at", moment=moment)
    desk.live.do("enter")
    desk.live.process.wait(20)
    assert desk.tws.control.received("PlaceOrderRequest", 21) == []


STATES = [before_the_intent, intent_written, sent, accepted, partly_filled, filled, exiting]
SAMPLE = (partly_filled,)


@pytest.fixture
def desk(tmp_path) -> Iterator[FaultyDesk]:
    clock = AheadClock()
    rung = {"name": "2 MES", "risk": "50 USD", "max_contracts": 2}
    with SimulatedTws(clock=clock) as tws:
        desk = run_desk(tws, clock, tmp_path, trader=TRADER, rung=rung)
        yield desk
        desk.kill()


@pytest.mark.parametrize(
    "die", [one if one in SAMPLE else pytest.param(one, marks=pytest.mark.long) for one in STATES]
)
def test_after_a_kill_the_session_takes_up_what_the_broker_holds(
    desk: FaultyDesk, die: Callable[[FaultyDesk], None]
):
    die(desk)
    placed = len(desk.tws.control.received("PlaceOrderRequest", 21))
    desk.start()
    desk.take_up()
    desk.until(desk.is_equal, "equal", 90)
    desk.watch(8)
    assert desk.is_equal()
    net, stops = desk.tws.control.net(), desk.stops()
    assert [one["quantity"] for one in stops] == ([net] if net else [])
    assert len(desk.tws.control.received("PlaceOrderRequest", 21)) == placed  # nothing again
