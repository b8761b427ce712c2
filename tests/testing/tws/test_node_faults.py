"""What rc7's real adapter does in each fault: the table that the live session is built on.

A change of any of these after an update of Nautilus is news: read why before you change a test.
"""

from __future__ import annotations

import asyncio
import time
from itertools import product

import ib_async
import pytest

from qe_plugins.testing.tws import RandomWalk, SimulatedTws
from tests.testing.tws.driven_node import DrivenNode

pytestmark = pytest.mark.long

ENTRY, STOP, TARGET = "entry", "stop", "target"
HARMLESS = (10349, 2109, 404, 10311, 2161)


@pytest.fixture
def tws():
    with SimulatedTws() as running:
        yield running


def enter(node: DrivenNode) -> None:
    """Enter a bracket at 6500.25 and wait until it is protected."""
    node.wait("quote")
    node.do("bracket", stop=6490.0, target=6515.0)
    node.wait("filled", role=ENTRY)
    node.settle(lambda now: now["net"] == 1)
    for role in (STOP, TARGET):
        node.wait("accepted", role=role)


def working(tws: SimulatedTws) -> list[tuple[str, str]]:
    return sorted((one["type"], one["status"]) for one in tws.control.open_orders())


def asked(tws: SimulatedTws, request: str) -> int:
    return len(tws.control.received(request))


def test_a_dropped_socket_is_connected_again_with_orders_and_net_kept(tws):
    with DrivenNode(tws.port) as node:
        enter(node)
        tws.control.drop_connections()
        tws.wait_until(lambda control: control.clients() != [], 15)
        tws.wait_until(lambda control: sorted(control.clients()) == [11, 21], 15)
        before = node.snapshot()["quotes"]
        node.settle(lambda now: now["quotes"] > before)
        tws.control.move(6489.75)
        node.wait("filled", role=STOP)
        node.wait("canceled", role=TARGET)


@pytest.mark.parametrize("command", ["close_all", "exit_market", "factory_bracket"])
def test_reduce_only_orders_are_denied(tws, command):
    with DrivenNode(tws.port) as node:
        if command == "factory_bracket":
            node.wait("quote")
        else:
            enter(node)
        node.do(command)
        denied = node.wait("denied")
        assert "UNSUPPORTED_REDUCE_ONLY" in denied["reason"]
        if command != "factory_bracket":
            assert tws.control.net() == 1


def test_a_399_before_the_acknowledgement_rejects_orders_that_live(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.notice_orders(399, count=3)
        node.do("bracket", stop=6490.0, target=6515.0)
        for role in (ENTRY, STOP, TARGET):
            assert "will not be placed" in node.wait("rejected", role=role)["reason"]
        assert tws.control.net() == 1
        assert working(tws) == [("LMT", "Submitted"), ("STP", "PreSubmitted")]
        node.settle(lambda now: now["net"] == 1, 40)
        statuses = node.statuses()
        assert (statuses[STOP], statuses[TARGET]) == ("REJECTED", "REJECTED")


def test_a_399_that_says_warning_rejects_nothing(tws):
    text = "Order Message:\nWarning: Your order will not be placed at the exchange until 17:00"
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.notice_orders(399, count=3, text=text)
        enter(node)
        assert node.all("rejected") == []


def test_other_notices_reject_nothing(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        for number, (code, timing) in enumerate(product(HARMLESS, ("before", "after"))):
            tws.control.notice_orders(code, count=1, timing=timing)
            node.do("market", side="SELL" if number % 2 else "BUY")
            node.settle(lambda now, n=number: len(node.all("filled")) == n + 1)
        assert node.all("rejected") == []


def test_a_rejection_is_told_at_once(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        for number, code in enumerate((110, 201, 103)):
            tws.control.reject_orders(code)
            node.do("market")
            node.settle(lambda now, n=number: len(node.all("rejected")) == n + 1, 3)
        assert tws.control.net() == 0


def test_a_lost_acknowledgement_of_5_seconds_is_healed_by_checks(tws):
    engine = {"open_check_interval_secs": 5.0, "position_check_interval_secs": 5.0}
    with DrivenNode(tws.port, engine=engine) as node:
        node.wait("quote")
        tws.control.lose_acknowledgements(5)
        began = time.monotonic()
        node.do("bracket", stop=6490.0, target=6515.0)
        node.wait("filled", 30, role=ENTRY)
        for role in (STOP, TARGET):
            node.wait("accepted", 30, role=role)
        assert 4 < time.monotonic() - began < 60
        assert node.all("rejected") == []


def test_a_lost_acknowledgement_of_45_seconds_ends_in_a_rejection_of_what_lives(tws):
    engine = {"open_check_interval_secs": 5.0, "position_check_interval_secs": 10.0}
    with DrivenNode(tws.port, policy="RESOLVE_LOCALLY", engine=engine) as node:
        node.wait("quote")
        tws.control.lose_acknowledgements(45)
        node.do("bracket", stop=6490.0, target=6515.0)
        rejected = node.wait("rejected", 60, role=ENTRY)
        assert "INFLIGHT_TIMEOUT" in rejected["reason"]
        assert tws.control.net() == 1


def test_retained_orders_are_filled_once_the_gateway_speaks_again(tws):
    engine = {"open_check_interval_secs": 5.0, "position_check_interval_secs": 10.0}
    with DrivenNode(tws.port, engine=engine) as node:
        node.wait("quote")
        tws.control.lose_acknowledgements(45)
        node.do("bracket", stop=6490.0, target=6515.0)
        node.wait("filled", 100, role=ENTRY)
        assert node.all("rejected") == []
        node.settle(lambda now: now["net"] == 1)


@pytest.mark.parametrize(("open_only", "status"), [(True, "ACCEPTED"), (False, "CANCELED")])
def test_a_stop_that_fills_during_an_outage(tws, open_only, status):
    engine = {"open_check_open_only": open_only, "open_check_interval_secs": 5.0}
    with DrivenNode(tws.port, engine=engine) as node:
        enter(node)
        tws.control.restart(12)
        tws.control.move(6489.75)
        node.wait("filled", 40, role=STOP)
        node.settle(lambda now: now["net"] == 0)
        if open_only:
            time.sleep(15)
        else:
            node.wait("canceled", 30, role=TARGET)
        assert node.statuses()[TARGET] == status


def test_a_stop_that_fills_while_the_node_is_dead(tws):
    with DrivenNode(tws.port, run="1") as node:
        enter(node)
        node.kill()
    tws.control.move(6489.75)
    with DrivenNode(tws.port, run="2") as node:
        node.wait("quote")
        assert node.settle(lambda now: now["net"] == 0)
        assert [one for one in node.snapshot()["orders"] if one["open"]] == []


def test_a_manual_buy_is_heard_as_two_fills(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.manual_order("BUY")
        node.wait("filled", 40)
        time.sleep(8)
        fills = node.all("filled")
        assert [one["price"] for one in fills] != []
        assert (len(fills), tws.control.net()) == (2, 1)


def test_a_restart_without_a_claim_shows_external_beside_its_own(tws):
    with DrivenNode(tws.port, run="1") as node:
        enter(node)
        node.kill()
    with DrivenNode(tws.port, run="2", claims=False) as node:
        node.wait("quote")
        strategies = {one["strategy"] for one in node.snapshot()["positions"]}
        assert "EXTERNAL" in strategies


def test_after_1101_nothing_is_asked_for_again(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.lose_connectivity()
        tws.control.restore_connectivity(data_lost=True)
        before = node.snapshot()["quotes"]
        time.sleep(10)
        assert node.snapshot()["quotes"] <= before + 2
        assert asked(tws, "MarketDataRequest") == 1


def test_after_1102_and_2104_quotes_go_on(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.lose_connectivity()
        tws.control.restore_connectivity()
        before = node.snapshot()["quotes"]
        node.settle(lambda now: now["quotes"] > before + 4)
        tws.control.break_farm()
        tws.control.mend_farm()
        before = node.snapshot()["quotes"]
        node.settle(lambda now: now["quotes"] > before + 4)


def test_ids_that_are_rolled_back_are_not_used_twice(tws):
    with DrivenNode(tws.port, run="1") as node:
        enter(node)
    tws.control.roll_back_order_ids()
    with DrivenNode(tws.port, run="2") as node:
        node.settle(lambda now: now["net"] == 1)
        node.do("market", side="SELL")
        node.settle(lambda now: now["net"] == 0)
        assert node.all("rejected") == []


@pytest.mark.parametrize("trouble", ["down", "taken", "two_digits", "logged_out"])
def test_a_start_that_fails_ends_the_node(trouble):
    with SimulatedTws() as tws:
        port, spec = tws.port, {}
        if trouble == "down":
            tws.control.restart(600)
        elif trouble == "taken":
            tws.control.take_client_id(21)
        elif trouble == "logged_out":
            tws.control.log_out()
        else:
            spec["instrument"] = "MESZ26.CME"
        with DrivenNode(port, seconds_to_connect=5, **spec) as node:
            assert "timeout" in node.wait("ended", 60)["error"]
            node.kill()


@pytest.fixture
def trading():
    with SimulatedTws(feed=RandomWalk(3, 0.4)) as running:
        yield running


def test_bars_come_once_each_with_their_close_as_time(trading):
    with DrivenNode(trading.port, bars=["5-SECOND", "1-MINUTE"]) as node:
        node.wait("bar", 90, where=lambda event: "1-MINUTE" in event["type"])
        for kind, seconds in (("5-SECOND", 5), ("1-MINUTE", 60)):
            closes = [one["close_ns"] for one in node.all("bar") if kind in one["type"]]
            assert len(set(closes)) == len(closes)
            assert {one % (seconds * 10**9) for one in closes} == {0}
            late = [
                one["at"] - one["close_ns"] / 1e9 for one in node.all("bar") if kind in one["type"]
            ]
            assert max(late) < 3


def test_a_silent_minute_has_no_bar_and_the_one_before_comes_once(trading):
    with DrivenNode(trading.port, bars=["5-SECOND"]) as node:
        node.wait("bar", 30)
        trading.control.freeze()
        time.sleep(12)
        quiet = len(node.all("bar"))
        time.sleep(6)
        assert len(node.all("bar")) == quiet
        trading.control.thaw()
        node.settle(lambda now: len(node.all("bar")) > quiet, 20)
        closes = [one["close_ns"] for one in node.all("bar")]
        assert len(set(closes)) == len(closes)


def test_a_fill_is_execution_and_commission_in_any_order(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        for number, mode in enumerate(("before", "after")):
            tws.control.commissions(mode)
            node.do("market", side=("BUY", "SELL")[number])
            node.settle(lambda now, n=number: len(node.all("filled")) == n + 1)
        assert [one["reconciled"] for one in node.all("filled")] == [False, False]


@pytest.mark.parametrize(
    ("mode", "commission", "reconciled"),
    [("never", "0.00 USD", False), ("alone", "0.62 USD", True)],
)
def test_half_a_fill_is_a_fill_seconds_later(tws, mode, commission, reconciled):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.commissions(mode)
        began = time.monotonic()
        node.do("market")
        filled = node.wait("filled", 20)
        assert (filled["commission"], filled["reconciled"]) == (commission, reconciled)
        assert time.monotonic() - began > 0.5


def test_an_order_is_modified_and_cancelled(tws):
    with DrivenNode(tws.port) as node:
        enter(node)
        node.do("modify", role=STOP, price=6495.0)
        node.settle(lambda now: "6495.00" in [one["stop"] for one in now["orders"]])
        assert {one["stop"] for one in tws.control.open_orders()} == {6495.0, None}
        node.do("cancel", role=TARGET)
        node.wait("canceled", role=TARGET)
        assert [one["type"] for one in tws.control.open_orders()] == ["STP"]


def test_another_client_flattens_while_the_node_hangs(tws):
    async def flatten() -> float:
        client = await ib_async.IB().connectAsync("127.0.0.1", tws.port, 31)
        began = time.monotonic()
        client.reqGlobalCancel()
        while await client.reqAllOpenOrdersAsync():
            await asyncio.sleep(0)
        (held,) = await client.reqPositionsAsync()
        held.contract.exchange = "CME"
        client.placeOrder(held.contract, ib_async.MarketOrder("SELL", held.position))
        while [one for one in await client.reqPositionsAsync() if one.position]:
            await asyncio.sleep(0)
        client.disconnect()
        return time.monotonic() - began

    with DrivenNode(tws.port) as node:
        enter(node)
        node.hang()
        seconds = asyncio.run(flatten())
        assert (tws.control.net(), tws.control.open_orders(), seconds < 30) == (0, [], True)
        node.wake()
        for role in (STOP, TARGET):
            node.wait("canceled", role=role)
        node.settle(lambda now: now["net"] == 0, 40)


def test_partial_fills_are_counted(tws):
    with DrivenNode(tws.port) as node:
        node.wait("quote")
        tws.control.fill_at_most(1)
        node.do("bracket", stop=6490.0, target=6515.0, quantity=3)
        node.settle(lambda now: now["net"] == 3)
        assert len(node.all("filled", role=ENTRY)) == 3


def test_repeated_executions_are_counted_once(tws):
    with DrivenNode(tws.port) as node:
        enter(node)
        tws.control.repeat_executions()
        tws.control.drop_connections()
        tws.wait_until(lambda control: sorted(control.clients()) == [11, 21], 20)
        time.sleep(3)
        assert (len(node.all("filled")), node.snapshot()["net"]) == (1, 1)


def test_two_incarnations_leave_two_live_stops(tws):
    with DrivenNode(tws.port) as node:
        enter(node)
        tws.control.keep_incarnations()
        node.do("modify", role=STOP, price=6495.0)
        tws.wait_until(lambda control: len(control.open_orders()) == 3)
        other = node.wait("accepted", where=lambda event: event["role"].startswith("DUP-"))
        assert other["reconciled"]
        stops = {(one["role"][:3], one["stop"]) for one in node.snapshot()["orders"] if one["stop"]}
        assert stops >= {("sto", "6490.00"), ("DUP", "6495.00")}
        tws.control.move(6489.75)
        tws.wait_until(lambda control: control.net() == -1)


def test_executions_lost_in_a_1100_window_leave_the_book_wrong_for_a_while(tws):
    with DrivenNode(tws.port) as node:
        enter(node)
        tws.control.lose_connectivity(drop_executions=True)
        tws.control.move(6489.75)
        tws.control.restore_connectivity()
        node.settle(lambda now: now["net"] == 0, 60)
        (fill,) = [one for one in node.all("filled") if one["reconciled"]]
        assert (fill["commission"], fill["price"] == "6489.75") == (None, False)
        assert node.statuses()[STOP] == "ACCEPTED"  # it has filled; no check ever says so


@pytest.mark.parametrize(("data_type", "code"), [("REALTIME", 354), ("DELAYED", 10167)])
def test_without_a_subscription_quotes_come_for_those_who_ask_for_delayed_data(
    tws, data_type, code
):
    tws.control.delay_data()
    with DrivenNode(tws.port, data_type=data_type) as node:
        node.wait("started")
        tws.wait_until(
            lambda control: code in [one.body["errorCode"] for one in control.sent("ErrorMessage")]
        )
        if data_type == "DELAYED":
            node.wait("quote")
        else:
            time.sleep(2)
            assert node.snapshot()["quotes"] == 0
