"""Orders at the simulated broker: brackets, OCA groups, triggers, hours, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.testing.tws.clients import TUESDAY, PlainClient, SteppedGateway

FRIDAY_EVENING = TUESDAY + 3 * 86400 + 8 * 3600
IN_THE_BREAK = TUESDAY + 7.5 * 3600
IN_THE_EVENING = TUESDAY + 9 * 3600


@pytest.fixture
def gateway() -> SteppedGateway:
    return SteppedGateway()


@pytest.fixture
def client(gateway: SteppedGateway) -> PlainClient:
    return PlainClient(gateway)


def net(gateway: SteppedGateway) -> int:
    return gateway.account.net(gateway.futures.named("MESZ6").con_id)


def test_a_market_order_fills_at_the_ask_with_its_commission(gateway, client):
    order = client.place("BUY")

    details, report = client.got("ExecutionDetails"), client.got("CommissionAndFeesReport")
    assert client.status(order) == "Filled"
    assert details[0]["execution"]["price"] == 6500.25
    assert (report[0]["commissionAndFees"], "realizedPNL" in report[0]) == (0.62, False)
    assert net(gateway) == 1


def test_a_bracket_waits_for_its_last_order(gateway, client):
    client.place(transmit=False)

    assert (net(gateway), client.got("OpenOrder")) == (0, [])


def test_the_stop_of_a_bracket_ends_its_target(gateway, client):
    _, stop, target = client.bracket(6490, 6515)
    assert (client.status(stop), client.status(target)) == ("PreSubmitted", "Submitted")

    gateway.move(6489.75)

    assert (client.status(stop), client.status(target), net(gateway)) == ("Filled", "Cancelled", 0)


def test_the_target_of_a_bracket_fills_at_its_limit_and_ends_the_stop(gateway, client):
    _, stop, target = client.bracket(6490, 6515)

    gateway.move(6515.50)

    assert (client.status(stop), client.status(target)) == ("Cancelled", "Filled")
    assert client.got("ExecutionDetails")[-1]["execution"]["price"] == 6515


def test_exits_work_for_no_more_than_the_entry_has_filled(gateway, client):
    gateway.book.most_per_fill = 1
    _, stop, target = client.bracket(6490, 6515, quantity=3)
    assert net(gateway) == 1

    gateway.book.most_per_fill, gateway.book.hold_fills = 0, True
    client.ask("CancelOrderRequest", orderId=stop - 1)
    gateway.book.hold_fills = False
    gateway.move(6489)

    assert (net(gateway), client.status(target)) == (0, "Cancelled")


def test_cancelling_an_entry_ends_its_exits(gateway, client):
    gateway.book.hold_fills = True
    entry, stop, target = client.bracket(6490, 6515)
    assert client.status(stop) == "PreSubmitted"

    client.ask("CancelOrderRequest", orderId=entry)

    assert {client.status(one) for one in (entry, stop, target)} == {"Cancelled"}


def test_orders_of_an_oca_group_end_one_another(gateway, client):
    client.place("BUY")
    stop = client.place("SELL", "STP", price=6490, ocaGroup="exits", ocaType=1)
    target = client.place("SELL", "LMT", price=6510, ocaGroup="exits", ocaType=1)

    gateway.move(6510)

    assert (client.status(stop), client.status(target), net(gateway)) == ("Cancelled", "Filled", 0)


def test_a_stop_sleeps_outside_regular_hours_unless_told_otherwise():
    gateway = SteppedGateway(IN_THE_EVENING, hours="cme")
    client = PlainClient(gateway)
    client.place("BUY", totalQuantity="2")
    asleep = client.place("SELL", "STP", price=6490)
    awake = client.place("SELL", "STP", price=6490, outsideRth=True)

    gateway.move(6480)

    assert (client.status(asleep), client.status(awake)) == ("PreSubmitted", "Filled")


def test_an_order_in_the_maintenance_break_waits_for_the_open_and_says_so():
    gateway = SteppedGateway(IN_THE_BREAK, hours="cme")
    client = PlainClient(gateway)

    order = client.place("BUY")
    assert (client.status(order), client.errors()) == ("PreSubmitted", [399])

    gateway.jump(3600)
    assert client.status(order) == "Filled"


def test_a_weekend_has_no_trades():
    gateway = SteppedGateway(FRIDAY_EVENING, hours="cme")
    client = PlainClient(gateway)
    order = client.place("BUY")

    gateway.jump(40 * 3600)
    assert client.status(order) == "PreSubmitted"

    gateway.jump(10 * 3600)
    assert client.status(order) == "Filled"


def test_a_day_order_ends_with_its_session():
    gateway = SteppedGateway(TUESDAY, hours="cme")
    client = PlainClient(gateway)
    day = client.place("BUY", "LMT", price=6400, tif="DAY")
    good = client.place("BUY", "LMT", price=6400)

    gateway.jump(86400)

    assert (client.status(day), client.status(good)) == ("Cancelled", "Submitted")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "LMT", "price": 6499.10}, 110),
        ({"kind": "STP", "price": 6499.10}, 110),
        ({"kind": "REL"}, 387),
        ({"totalQuantity": "0"}, 434),
        ({"totalQuantity": "40"}, 201),
        ({"account": "U7654321"}, 321),
    ],
)
def test_a_wrong_order_is_refused(gateway, client, fields, code):
    client.place(**fields)

    assert client.errors() == [code]
    assert (gateway.book.open_orders(), net(gateway)) == ([], 0)


def test_an_id_is_used_once(gateway, client):
    order = client.place("BUY")

    client.place("BUY", order_id=order)

    assert client.errors() == [103]


def test_a_live_order_is_modified_by_its_id(gateway, client):
    order = client.place("BUY", "LMT", price=6400)

    client.place("BUY", "LMT", price=6410, order_id=order)

    assert [one.limit for one in gateway.book.open_orders()] == [6410]


def test_twenty_orders_are_the_most_on_one_side(client):
    for _ in range(21):
        client.place("BUY", "LMT", price=6400)

    assert client.errors() == [201]


def test_a_client_cannot_cancel_the_order_of_another(gateway, client):
    other = PlainClient(gateway, 2)
    order = client.place("BUY", "LMT", price=6400)

    other.ask("CancelOrderRequest", orderId=order)

    assert (other.errors(), client.status(order)) == ([10147], "Submitted")


def test_a_global_cancel_ends_the_orders_of_everyone(gateway, client):
    order = client.place("BUY", "LMT", price=6400)

    PlainClient(gateway, 2).ask("GlobalCancelRequest")

    assert client.status(order) == "Cancelled"


def test_a_trailing_stop_follows_the_price(gateway, client):
    client.place("BUY")
    stop = client.place("SELL", "TRAIL", auxPrice=5.0, trailStopPrice=6495.0, outsideRth=True)
    gateway.move(6510)
    gateway.move(6506)
    assert client.status(stop) == "PreSubmitted"

    gateway.move(6505)

    assert client.status(stop) == "Filled"


def test_a_question_what_an_order_would_cost_places_none(gateway, client):
    client.place("BUY", whatIf=True)

    assert client.got("OpenOrder")[0]["orderState"]["initMarginChange"] == 2640
    assert (gateway.book.orders, net(gateway)) == ([], 0)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.sampled_from(["MKT", "LMT", "STP"]),
        st.integers(-12, 12),
        st.integers(1, 3),
        st.integers(-20, 20),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_money_and_positions_are_those_of_the_executions(moves):
    gateway = SteppedGateway(cash=1e6)
    client = PlainClient(gateway)
    for side, kind, away, size, move in moves:
        price = None if kind == "MKT" else 6500 + away / 4
        client.place(side, kind, price=price, totalQuantity=str(size), outsideRth=True)
        gateway.move(6500 + move / 4)
        gateway.pass_time(1)

    future, executions = gateway.futures.named("MESZ6"), gateway.account.executions
    signed = sum(one.quantity if one.is_buy else -one.quantity for one in executions)
    paid = sum(
        (-one.quantity if one.is_buy else one.quantity) * one.price * 5 - one.commission
        for one in executions
    )
    value_now = signed * gateway.mark(future) * 5
    assert net(gateway) == signed
    assert gateway.account.net_liquidation(gateway.mark) == pytest.approx(1e6 + paid + value_now)
    for order in gateway.book.orders:
        filled = sum(one.quantity for one in executions if one.perm_id == order.perm_id)
        assert filled == order.filled <= order.quantity
