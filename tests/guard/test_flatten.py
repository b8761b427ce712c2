"""`flatten` against the simulated TWS: every way to it ends flat, or says why it does not."""

from __future__ import annotations

import asyncio
import threading
import time

import ib_async
import pytest
from filelock import FileLock

from qe_plugins import state_dir
from qe_plugins.guard.flatten import flatten
from qe_plugins.guard.named import NamedContracts
from qe_plugins.ib_client import BrokerConnection, BrokerEndpoint
from qe_plugins.testing.tws import SimulatedTws

ACCOUNT = "DU1234567"
NODE = 21


@pytest.fixture
def broker(qe_tws):
    at = BrokerEndpoint(account=ACCOUNT, port=qe_tws.port, client_id=31)
    with BrokerConnection(at) as connection:
        yield connection


@pytest.fixture
def mes():
    return NamedContracts(account=ACCOUNT, roots=frozenset({"MES"}))


def symbol(tws: SimulatedTws, root: str = "MES") -> str:
    return next(one for one in tws.control.contracts() if one.startswith(root))


def place(tws: SimulatedTws, *orders: ib_async.Order, root: str = "MES") -> None:
    """Place orders as the node, which then leaves, as one that died."""

    async def main() -> None:
        client = await ib_async.IB().connectAsync("127.0.0.1", tws.port, NODE)
        named = ib_async.Future(localSymbol=symbol(tws, root), exchange="CME")
        (contract,) = await client.qualifyContractsAsync(named)
        for order in orders:
            client.placeOrder(contract, order)
        await client.reqAllOpenOrdersAsync()
        client.disconnect()

    asyncio.run(main())


def bracket(tws: SimulatedTws) -> None:
    place(
        tws,
        ib_async.MarketOrder("BUY", 1),
        ib_async.StopOrder("SELL", 1, 6490.0, tif="GTC", outsideRth=True, ocaGroup="a"),
        ib_async.LimitOrder("SELL", 1, 6520.0, tif="GTC", outsideRth=True, ocaGroup="a"),
    )
    assert tws.control.net(symbol(tws)) == 1


def closes(tws: SimulatedTws) -> int:
    orders = tws.control.orders()
    return sum(str(one["order_ref"]).startswith("flatten-") for one in orders)


def test_two_at_once_close_a_position_once(qe_tws, broker, mes, monkeypatch):
    monkeypatch.setattr("qe_plugins.guard.flatten.OTHER_WITHIN", 60.0)
    bracket(qe_tws)
    qe_tws.control.be_slow(0.2)
    reports = []
    other = BrokerEndpoint(account=ACCOUNT, port=qe_tws.port, client_id=32)
    with BrokerConnection(other) as second:
        threads = [
            threading.Thread(target=lambda one=one: reports.append(flatten(one, mes, within=60)))
            for one in (broker, second)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join(120)
    assert [one.is_flat for one in reports] == [True, True]
    assert sorted(len(one.closed) for one in reports) == [0, 1]
    assert (closes(qe_tws), qe_tws.control.net(symbol(qe_tws))) == (1, 0)


def test_one_that_hangs_holds_up_no_other(qe_tws, broker, mes, monkeypatch):
    bracket(qe_tws)
    monkeypatch.setattr("qe_plugins.guard.flatten.OTHER_WITHIN", 0.1)
    file = state_dir.state_dir() / "locks" / f"{ACCOUNT}.flatten.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with FileLock(file):
        report = flatten(broker, mes, within=60, say=said.append)
    assert "another flatten is under way" in said[0]
    assert (report.is_flat, closes(qe_tws)) == (True, 1)


def test_a_bracket_is_cancelled_and_its_position_closed(qe_tws, broker, mes):
    bracket(qe_tws)

    report = flatten(broker, mes, within=10)

    assert report.is_flat, report
    assert (len(report.closed), len(report.cancelled), report.not_named) == (1, 2, [])
    assert (qe_tws.control.net(symbol(qe_tws)), qe_tws.control.open_orders()) == (0, [])
    assert closes(qe_tws) == 1


def test_what_is_not_named_is_listed_and_left(qe_tws, broker, mes):
    other = symbol(qe_tws, "ES")
    bracket(qe_tws)
    qe_tws.control.manual_order("BUY", symbol=other)
    place(qe_tws, ib_async.StopOrder("SELL", 1, 6400.0, tif="GTC"), root="ES")

    report = flatten(broker, mes, within=10)

    assert report.is_flat, report
    assert report.not_named == []
    assert [text for text in report.left if other in text] == report.left
    assert len(report.left) == 2
    assert qe_tws.control.net(other) == 1
    assert [one["type"] for one in qe_tws.control.open_orders()] == ["STP"]


def test_where_the_senders_id_is_taken_all_is_cancelled_and_said(qe_tws, broker, mes):
    bracket(qe_tws)
    place(qe_tws, ib_async.StopOrder("SELL", 1, 6400.0, tif="GTC"), root="ES")
    qe_tws.control.take_client_id(NODE)

    report = flatten(broker, mes, within=10)

    assert report.is_flat, report
    assert len(report.not_named) == 1
    assert symbol(qe_tws, "ES") in report.not_named[0]


@pytest.mark.parametrize(
    "fault",
    [
        lambda tws: tws.control.leave_unanswered("PositionsRequest"),
        lambda tws: tws.control.answer_empty("PositionsRequest"),
        lambda tws: tws.control.drop_connections(),
        lambda tws: tws.control.notice_orders(399),
        lambda tws: tws.control.lose_acknowledgements(1.0),
        lambda tws: tws.control.commissions("never"),
    ],
    ids=["unanswered", "empty", "dropped", "399", "no acknowledgement", "no commission"],
)
def test_a_fault_delays_it_and_nothing_is_closed_twice(qe_tws, broker, mes, fault):
    bracket(qe_tws)
    broker.snapshot()
    fault(qe_tws)

    report = flatten(broker, mes, within=15)

    assert report.is_flat, report
    assert (qe_tws.control.net(symbol(qe_tws)), closes(qe_tws)) == (0, 1)


def test_a_closing_order_that_is_rejected_is_sent_again(qe_tws, broker, mes):
    bracket(qe_tws)
    qe_tws.control.reject_orders(201)

    report = flatten(broker, mes, within=10)

    assert report.is_flat, report
    assert qe_tws.control.net(symbol(qe_tws)) == 0


def test_a_stop_that_fills_meanwhile_is_not_closed_again(qe_tws, broker, mes):
    bracket(qe_tws)
    stopped = threading.Thread(target=qe_tws.control.move, args=(6489.0,))

    report = flatten(broker, mes, within=10, say=lambda line: stopped.ident or stopped.start())
    stopped.join()

    assert report.is_flat, report
    assert qe_tws.control.net(symbol(qe_tws)) == 0


def test_an_order_that_does_not_fill_is_said_and_not_repeated(qe_tws, broker, mes):
    bracket(qe_tws)
    qe_tws.control.hold_fills()

    report = flatten(broker, mes, within=1.5)

    assert not report.is_flat
    assert "the closing order is" in report.problem
    assert closes(qe_tws) == 1


def test_a_gateway_that_is_down_is_said(mes):
    with SimulatedTws() as tws:
        port = tws.port
    began = time.monotonic()
    with BrokerConnection(BrokerEndpoint(account=ACCOUNT, port=port, client_id=31)) as broker:
        report = flatten(broker, mes, within=3)

    assert not report.is_flat
    assert "no program listens there" in report.problem
    assert time.monotonic() - began < 60


def test_being_flat_already_is_verified_as_well(qe_tws, broker, mes):
    report = flatten(broker, mes, within=5)

    assert (report.is_flat, report.closed, report.cancelled) == (True, [], [])
