"""The broker's own account of things, by the real `ib_async`, against the simulated TWS."""

from __future__ import annotations

import socket
import time
from decimal import Decimal

import pytest

from qe_plugins.ib_client import BrokerConnection, BrokerEndpoint, BrokerUnknown
from qe_plugins.testing.tws import SimulatedTws
from qe_plugins.testing.tws.habits import ALL

ACCOUNT = "DU1234567"


@pytest.fixture
def events():
    return []


@pytest.fixture
def broker(qe_tws, events):
    with BrokerConnection(endpoint(qe_tws.port), events.append) as connection:
        yield connection


def endpoint(port: int, client_id: int = 31, account: str = ACCOUNT) -> BrokerEndpoint:
    return BrokerEndpoint(account=account, port=port, client_id=client_id)


def front(tws: SimulatedTws) -> str:
    return next(one for one in tws.control.contracts() if one.startswith("MES"))


def until(condition, seconds: float = 5.0):
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)
    return answer


def test_a_snapshot_has_the_orders_of_every_client_positions_and_executions(qe_tws, broker):
    symbol = front(qe_tws)
    qe_tws.control.manual_order("BUY", 2, symbol=symbol)
    qe_tws.control.manual_order("SELL", 2, symbol=symbol, kind="STP", price=6490.25)

    seen = broker.snapshot()

    (stop,), (held,), (fill,) = seen.orders, seen.positions, seen.executions
    assert (stop.kind, stop.stop_price, stop.limit_price) == ("STP", Decimal("6490.25"), None)
    assert (stop.side, stop.quantity, stop.remaining, stop.is_open) == ("SELL", 2, 2, True)
    assert (stop.client_id, stop.outside_rth, stop.time_in_force) == (0, True, "GTC")
    assert (held.local_symbol, held.quantity, held.multiplier) == (symbol, 2, 5)
    assert (fill.side, fill.quantity, fill.con_id) == ("BUY", 2, held.con_id)
    assert seen.position(symbol) == 2
    assert 0 <= time.time_ns() - seen.at_ns < 5_000_000_000


def test_a_close_is_filled_and_a_global_cancel_reaches_a_persons_orders(qe_tws, broker):
    symbol = front(qe_tws)
    qe_tws.control.manual_order("BUY", symbol=symbol)
    qe_tws.control.manual_order("SELL", symbol=symbol, kind="STP", price=6400)

    broker.cancel_all()
    until(lambda: not broker.snapshot().open_orders)
    order_id = broker.market_close(broker.snapshot().positions[0], ref="flatten")
    until(lambda: not broker.snapshot().positions)

    assert order_id > 0
    assert [one.ref for one in broker.snapshot().executions] == ["", "flatten"]
    assert qe_tws.control.net(symbol) == 0


@pytest.mark.parametrize("request_name", ["AllOpenOrdersRequest", "ExecutionRequest"])
def test_a_question_without_an_answer_is_unknown_and_the_next_is_asked_anew(
    qe_tws, broker, request_name
):
    broker.open()
    qe_tws.control.leave_unanswered(request_name)

    with pytest.raises(BrokerUnknown, match="did not answer"):
        broker.snapshot(0.3)

    assert broker.snapshot().orders == []


def test_a_late_answer_is_not_that_of_the_next_question(qe_tws, broker):
    broker.open()
    qe_tws.control.mute(0.6)
    with pytest.raises(BrokerUnknown):
        broker.snapshot(0.3)
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))

    assert broker.snapshot().position(front(qe_tws)) == 1


def test_a_position_that_is_suddenly_not_listed_is_unknown_and_not_flat(qe_tws, broker):
    qe_tws.control.manual_order("BUY", symbol=front(qe_tws))
    until(lambda: broker.snapshot().positions)
    qe_tws.control.answer_empty("PositionsRequest")

    with pytest.raises(BrokerUnknown, match="does not list a position"):
        broker.snapshot()

    assert broker.snapshot().position(front(qe_tws)) == 1


def test_two_orders_of_one_id_are_two(qe_tws, broker):
    import asyncio

    import ib_async

    async def place_and_modify():
        client = await ib_async.IB().connectAsync("127.0.0.1", qe_tws.port, 41)
        named = ib_async.Future(localSymbol=front(qe_tws), exchange="CME")
        (contract,) = await client.qualifyContractsAsync(named)
        stop = ib_async.StopOrder("SELL", 1, 6400.0, tif="GTC")
        client.placeOrder(contract, stop)
        await client.reqAllOpenOrdersAsync()
        stop.auxPrice = 6410.0
        client.placeOrder(contract, stop)
        await client.reqAllOpenOrdersAsync()
        client.disconnect()

    qe_tws.control.keep_incarnations()
    asyncio.run(place_and_modify())

    orders = broker.snapshot().open_orders
    assert len({one.perm_id for one in orders}) == 2
    assert len({(one.client_id, one.order_id) for one in orders}) == 1
    assert {one.stop_price for one in orders} == {6400, 6410}


def test_losing_ib_is_an_event_and_nothing_is_known_until_it_is_back(qe_tws, broker, events):
    broker.open()
    qe_tws.control.lose_connectivity()
    until(lambda: broker.state == "cut")

    with pytest.raises(BrokerUnknown, match="1100"):
        broker.snapshot()

    qe_tws.control.restore_connectivity()
    until(lambda: broker.state == "connected")
    assert broker.snapshot().orders == []
    assert [one.code for one in events if one.code in (1100, 1102)] == [1100, 1102]


def test_a_gateway_that_says_at_the_start_that_ib_is_away_is_asked_nothing(qe_tws, broker):
    broker.open()
    qe_tws.control.notice(2110)
    until(lambda: broker.state == "cut")
    with pytest.raises(BrokerUnknown, match="lost its connection to IB"):
        broker.snapshot()

    qe_tws.control.notice(2104)
    until(lambda: broker.state == "connected")
    assert broker.snapshot().orders == []


@pytest.mark.parametrize("habit", ALL)
def test_a_snapshot_is_the_same_by_the_habits_of_another_gateway(qe_tws, broker, habit):
    symbol = front(qe_tws)
    qe_tws.control.fill_at_most(1)
    qe_tws.control.manual_order("BUY", 2, symbol=symbol)
    qe_tws.control.hold_fills()
    qe_tws.control.manual_order("SELL", 2, symbol=symbol, kind="STP", price=6490.25)
    usual = broker.snapshot()

    qe_tws.control.have_habits(habit)
    broker.close()
    with BrokerConnection(endpoint(qe_tws.port, 32)) as other:
        for _ in range(2):
            seen = other.snapshot()
            assert (seen.orders, seen.positions) == (usual.orders, usual.positions)
            assert seen.executions == usual.executions


def test_quotes_go_on_after_data_was_lost(qe_tws, broker):
    symbol = front(qe_tws)
    broker.subscribe(symbol)
    until(lambda: broker.quotes()[symbol].age is not None)
    qe_tws.control.lose_connectivity()
    qe_tws.control.restore_connectivity(data_lost=True)
    qe_tws.control.move(6480)

    until(lambda: broker.quotes()[symbol].bid == Decimal("6480"))


def test_the_age_of_a_quote_grows_while_the_market_is_silent(qe_tws, broker):
    symbol = front(qe_tws)
    broker.subscribe(symbol)
    until(lambda: broker.quotes()[symbol].age is not None)
    qe_tws.control.freeze()

    until(lambda: broker.quotes()[symbol].age > 0.6)


def test_what_is_kept_of_an_order_does_not_grow_with_the_answers(qe_tws, broker):
    qe_tws.control.hold_fills()
    qe_tws.control.manual_order("BUY")
    assert len(broker.snapshot().orders) == 1
    qe_tws.control.hold_fills(False)
    until(lambda: broker.snapshot().executions)
    for _ in range(3):
        broker.snapshot()

    kept = list(broker._client.wrapper.trades.values())
    assert sum(len(one.fills) + len(one.log) for one in kept) <= 1


def test_a_cut_socket_is_an_event_and_the_next_question_connects_again(qe_tws, broker, events):
    broker.open()
    qe_tws.control.drop_connections(31)
    until(lambda: 0 in [one.code for one in events])

    assert broker.snapshot().orders == []
    assert broker.state == "connected"


def test_no_gateway_is_down():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with BrokerConnection(endpoint(port)) as broker:
        with pytest.raises(BrokerUnknown, match="no program listens"):
            broker.snapshot(1.0)
        assert broker.state == "down"


def test_a_gateway_that_waits_for_its_login_is_not_one_that_is_down(qe_tws, broker):
    qe_tws.control.log_out()

    with pytest.raises(BrokerUnknown, match="Log in at the gateway"):
        broker.snapshot(0.5)

    assert broker.state == "not_logged_in"


def test_a_client_id_in_use_is_said(qe_tws, broker):
    qe_tws.control.take_client_id(31)

    with pytest.raises(BrokerUnknown, match="client id 31 is in use"):
        broker.open(0.5)


def test_another_account_is_refused(qe_tws):
    with BrokerConnection(endpoint(qe_tws.port, account="DU7654321")) as broker:
        with pytest.raises(BrokerUnknown, match="DU7654321 is not of this login"):
            broker.snapshot()
        assert broker.state == "wrong_account"


def test_the_gateways_time_is_read(qe_tws, broker):
    assert abs(broker.server_time() - qe_tws.control.time()) <= 1.5


def test_a_closed_connection_answers_unknown(qe_tws):
    broker = BrokerConnection(endpoint(qe_tws.port))
    broker.close()
    broker.close()

    with pytest.raises(BrokerUnknown, match="closed"):
        broker.snapshot()
