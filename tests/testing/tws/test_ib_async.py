"""The real `ib_async` against the simulated TWS: what a watcher and a flatten need."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import ib_async
import pytest

from qe_plugins.testing.tws import GatewaySettings, SimulatedTws

Script = Callable[[ib_async.IB], Awaitable[None]]


@pytest.fixture
def tws():
    with SimulatedTws() as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, "ib_async")


def run(tws: SimulatedTws, script: Script, client_id: int = 9) -> None:
    """Connect, run the script, disconnect; every wait in it is for an event."""

    async def main() -> None:
        client = ib_async.IB()
        await client.connectAsync("127.0.0.1", tws.port, client_id, timeout=5)
        try:
            await asyncio.wait_for(script(client), 15)
        finally:
            client.disconnect()

    asyncio.run(main())


async def until(client: ib_async.IB, condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.wait_for(client.updateEvent, 5)


def symbol(tws: SimulatedTws) -> str:
    return next(one for one in tws.control.contracts() if one.startswith("MES"))


def test_a_client_of_version_178_connects_and_is_synchronised(tws):
    async def script(client):
        assert client.client.serverVersion() == 178
        assert client.managedAccounts() == ["DU1234567"]
        values = {one.tag for one in client.accountValues()}
        assert {"NetLiquidation", "InitMarginReq"} <= values

    run(tws, script)


def test_contract_details_quotes_and_bars_are_read(tws):
    async def script(client):
        wanted = ib_async.Future(localSymbol=symbol(tws), exchange="CME", currency="USD")
        (details,) = await client.reqContractDetailsAsync(wanted)
        assert (details.lastTradeTime, details.contract.multiplier) == ("08:30:00", "5")
        ticker = client.reqMktData(details.contract)
        await until(client, lambda: ticker.bid > 0 and ticker.ask > 0)
        assert ticker.ask == ticker.bid + 0.25
        assert await client.reqMarketRuleAsync(67) == [ib_async.PriceIncrement(0.0, 0.25)]
        bars = await client.reqHistoricalDataAsync(
            details.contract, "", "600 S", "1 min", "TRADES", False, formatDate=2
        )
        assert len(bars) in (10, 11)  # ten whole minutes, and a part of one that traded

    run(tws, script)


def test_an_order_is_placed_filled_and_seen_in_position_and_executions(tws):
    async def script(client):
        wanted = ib_async.Future(localSymbol=symbol(tws), exchange="CME", currency="USD")
        (contract,) = await client.qualifyContractsAsync(wanted)
        trade = client.placeOrder(contract, ib_async.MarketOrder("BUY", 1))
        await until(client, trade.isDone)
        assert trade.orderStatus.status == "Filled"
        assert trade.fills[0].commissionReport.commission == 0.62
        await until(client, lambda: [one.position for one in client.positions()] == [1])
        fills = await client.reqExecutionsAsync()
        assert [one.execution.permId for one in fills] == [trade.order.permId]

    run(tws, script)


@pytest.mark.parametrize("version", [157, 158, 160, 163, 166, 169, 176, 177])
def test_older_clients_read_the_same(tws, version, monkeypatch):
    monkeypatch.setattr(ib_async.Client, "MaxClientVersion", version)

    async def script(client):
        assert client.client.serverVersion() == version
        wanted = ib_async.Future(localSymbol=symbol(tws), exchange="CME", currency="USD")
        (contract,) = await client.qualifyContractsAsync(wanted)
        entry = client.placeOrder(contract, ib_async.MarketOrder("BUY", 1))
        stop = ib_async.StopOrder("SELL", 1, 6400.25, tif="GTC", outsideRth=True, ocaType=2)
        resting = client.placeOrder(contract, stop)
        await until(client, entry.isDone)
        await until(client, lambda: resting.orderStatus.status == "PreSubmitted")
        (listed,) = await client.reqAllOpenOrdersAsync()
        order = listed.order
        assert (order.auxPrice, order.outsideRth, order.ocaType) == (6400.25, True, 2)
        assert len(await client.reqCompletedOrdersAsync(False)) == 1

    run(tws, script)


def test_a_question_about_margin_places_nothing(tws):
    async def script(client):
        wanted = ib_async.Future(localSymbol=symbol(tws), exchange="CME", currency="USD")
        (contract,) = await client.qualifyContractsAsync(wanted)
        state = await client.whatIfOrderAsync(contract, ib_async.MarketOrder("BUY", 1))
        assert float(state.initMarginChange) == 2640

    run(tws, script)

    assert (tws.control.orders(), tws.control.net(symbol(tws))) == ([], 0)


def test_a_bracket_of_ib_async_trades(tws):
    async def script(client):
        wanted = ib_async.Future(localSymbol=symbol(tws), exchange="CME", currency="USD")
        (contract,) = await client.qualifyContractsAsync(wanted)
        trades = [
            client.placeOrder(contract, one)
            for one in client.bracketOrder("BUY", 1, 6510.0, 6515.0, 6490.0)
        ]
        await until(client, lambda: trades[0].orderStatus.status == "Filled")
        await until(client, lambda: trades[2].orderStatus.status == "PreSubmitted")
        await asyncio.get_running_loop().run_in_executor(None, tws.control.move, 6515.25)
        await until(client, lambda: trades[1].orderStatus.status == "Filled")
        await until(client, lambda: trades[2].orderStatus.status == "Cancelled")

    run(tws, script)


def test_flatten_cancels_the_orders_of_all_clients_and_closes(tws):
    """What `qe flatten` does, with another client's stop working."""

    async def other(client):
        wanted = ib_async.Future(localSymbol=symbol(tws), exchange="CME", currency="USD")
        (contract,) = await client.qualifyContractsAsync(wanted)
        stop = ib_async.StopOrder("SELL", 1, 6400.0, tif="GTC", outsideRth=True, ocaGroup="g")
        stop.ocaType = 1
        trade = client.placeOrder(contract, stop)
        await until(client, lambda: trade.orderStatus.status == "PreSubmitted")

    async def flatten(client):
        (stop,) = await client.reqAllOpenOrdersAsync()
        assert (stop.order.auxPrice, stop.order.outsideRth, stop.order.clientId) == (6400, True, 21)
        assert (stop.order.ocaGroup, stop.order.ocaType, stop.order.tif) == ("g", 1, "GTC")
        client.reqGlobalCancel()
        while await client.reqAllOpenOrdersAsync():
            await asyncio.sleep(0)
        (held,) = await client.reqPositionsAsync()
        held.contract.exchange = "CME"
        close = client.placeOrder(held.contract, ib_async.MarketOrder("SELL", held.position))
        await until(client, close.isDone)
        assert [one.position for one in await client.reqPositionsAsync() if one.position] == []
        completed = await client.reqCompletedOrdersAsync(False)
        assert {one.orderStatus.status for one in completed} == {"Cancelled", "Filled"}

    tws.control.manual_order("BUY", symbol=symbol(tws))
    run(tws, other, 21)
    run(tws, flatten, 9)

    assert (tws.control.net(symbol(tws)), tws.control.open_orders()) == (0, [])


def test_1100_1101_and_1102_reach_the_client(tws):
    codes: list[int] = []

    async def script(client):
        client.errorEvent += lambda req, code, *rest: codes.append(code)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, tws.control.lose_connectivity)
        await loop.run_in_executor(None, lambda: tws.control.restore_connectivity(data_lost=True))
        await loop.run_in_executor(None, tws.control.lose_connectivity)
        await loop.run_in_executor(None, tws.control.restore_connectivity)
        while len(codes) < 4:
            await asyncio.sleep(0)

    run(tws, script)

    assert codes == [1100, 1101, 1100, 1102]


def test_a_client_id_in_use_is_refused(tws):
    async def script(client):
        with pytest.raises((ConnectionError, TimeoutError)):
            await ib_async.IB().connectAsync("127.0.0.1", tws.port, 9, timeout=0.3)

    run(tws, script)


def test_a_gateway_that_is_not_logged_in_answers_nothing():
    with SimulatedTws(GatewaySettings()) as tws:
        tws.control.log_out()

        with pytest.raises(TimeoutError):
            asyncio.run(ib_async.IB().connectAsync("127.0.0.1", tws.port, 9, timeout=0.3))
