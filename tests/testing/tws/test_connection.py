"""Clients and what goes wrong with them, on a stepped clock: no sockets, no waiting."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from qe_plugins.errors import PluginError
from qe_plugins.testing.tws.controls import Controls
from tests.testing.tws.clients import MES, PlainClient, SteppedGateway


class OnlyGateway:
    """What `Controls` needs of a server, without sockets."""

    def __init__(self, gateway: SteppedGateway) -> None:
        self.gateway = gateway

    def drop(self, client_id: int | None) -> None:
        for session in list(self.gateway.sessions):
            if client_id in (None, session.client_id):
                self.gateway.disconnect(session)


@pytest.fixture
def gateway() -> SteppedGateway:
    return SteppedGateway()


@pytest.fixture
def control(gateway: SteppedGateway) -> Controls:
    return Controls(OnlyGateway(gateway))


@pytest.fixture
def client(gateway: SteppedGateway) -> PlainClient:
    return PlainClient(gateway)


def streams(client: PlainClient) -> None:
    client.ask("MarketDataRequest", reqId=900, contract=MES)
    minutes = {"barSizeSetting": "1 min", "duration": "600 S", "keepUpToDate": True}
    client.ask("HistoricalDataRequest", reqId=901, contract=MES, formatDate=2, **minutes)


def ticks(client: PlainClient) -> int:
    return len(client.got("TickPrice")) + len(client.got("HistoricalDataUpdate"))


def test_a_client_is_welcomed_with_account_id_and_farms(client):
    assert client.got("ManagedAccounts") == [{"accountsList": "DU1234567"}]
    assert client.got("NextValidId") == [{"orderId": 1}]
    assert [one["errorCode"] for one in client.got("ErrorMessage")] == [2104, 2106, 2158]


def test_a_client_id_in_use_is_refused(gateway, client, control):
    second = PlainClient(gateway, 1)
    control.take_client_id(7)
    third = PlainClient(gateway, 7)

    assert (second.got("ErrorMessage")[0]["errorCode"], second.hung_up) == (326, True)
    assert third.hung_up
    assert control.clients() == [1]


def test_a_request_nobody_knows_is_an_error(client):
    client.ask("ScannerParametersRequest")

    assert client.got("ErrorMessage")[-1]["errorCode"] == 505


def test_contracts_are_found_by_their_local_symbol_with_the_end_of_trading(client):
    found = client.ask("ContractDataRequest", reqId=1, contract=MES)

    data = found[0][1]
    assert data["contract"]["lastTradeDateOrContractMonth"] == "20261218 08:30:00 US/Central"
    assert (data["contract"]["multiplier"], data["contractDetails"]["minTick"]) == (5.0, "0.25")
    assert [name for name, _ in found] == ["ContractData", "ContractDataEnd"]


def test_a_year_of_two_digits_is_another_contract(client):
    client.ask("ContractDataRequest", reqId=1, contract=MES | {"localSymbol": "MESZ26"})

    assert client.errors() == [200]


def test_a_gateway_may_list_years_of_two_digits():
    assert "MESZ26" in SteppedGateway(two_digit_years=True).futures.symbols()


def test_three_expiries_of_two_roots_are_listed_with_a_basis(gateway):
    assert gateway.futures.symbols() == ["ESZ6", "ESH7", "ESM7", "MESZ6", "MESH7", "MESM7"]
    assert [gateway.mark(gateway.futures.named(s)) for s in ("MESZ6", "MESH7")] == [6500, 6532]


def test_history_is_the_same_for_the_same_seed_and_ends_at_the_first_price(client):
    asked = {"barSizeSetting": "1 min", "duration": "3600 S", "formatDate": 2}
    first = client.ask("HistoricalDataRequest", reqId=1, contract=MES, **asked)
    again = PlainClient(SteppedGateway()).ask(
        "HistoricalDataRequest", reqId=1, contract=MES, **asked
    )

    bars = first[0][1]["historicalDataBars"]
    assert (len(bars), bars[-1]["close"]) == (60, 6500)
    assert first == again


def test_bars_are_kept_up_to_date_one_update_a_second(gateway, client):
    streams(client)
    gateway.pass_time(119)

    starts = [one["historicalDataBar"]["date"] for one in client.got("HistoricalDataUpdate")]
    assert len(set(starts)) == 3  # the last state of the bar before, and two more
    assert 110 < len(starts) < 130


def test_real_time_bars_come_every_five_seconds(gateway, client):
    client.ask("RealTimeBarsRequest", reqId=5, contract=MES, barSize=5)
    gateway.pass_time(20)

    times = [one["time"] for one in client.got("RealTimeBarTick")]
    assert [later - sooner for sooner, later in pairwise(times)] == [5] * 3


def test_the_net_liquidation_is_told_every_three_minutes(gateway, client):
    client.ask("AccountSummaryRequest", reqId=3, group="All", tags="NetLiquidation")
    client.place("BUY")
    gateway.move(6510)
    assert [one["value"] for one in client.got("AccountSummary")] == ["50000.00"]

    gateway.pass_time(181)

    assert client.got("AccountSummary")[-1]["value"] == "50048.13"


def test_after_1102_data_goes_on_and_missed_fills_are_told(gateway, client, control):
    streams(client)
    _, stop, _ = client.bracket(6490, 6515)
    control.lose_connectivity()
    before = ticks(client)
    gateway.move(6489)
    gateway.pass_time(5)
    assert (ticks(client), client.status(stop)) == (before, "PreSubmitted")

    control.restore_connectivity()
    gateway.pass_time(2)

    assert client.status(stop) == "Filled"
    assert ticks(client) > before


def test_after_1101_streams_stop_until_they_are_asked_for_again(gateway, client, control):
    streams(client)
    control.lose_connectivity()
    control.restore_connectivity(data_lost=True)
    before = ticks(client)
    gateway.pass_time(60)
    assert ticks(client) == before

    streams(client)
    gateway.pass_time(1)
    assert ticks(client) > before
    assert client.got("ErrorMessage", errorCode=1101)


def test_executions_of_a_1100_window_can_be_lost_for_ever(gateway, client, control):
    client.bracket(6490, 6515)
    control.lose_connectivity(drop_executions=True)
    gateway.move(6489)
    control.restore_connectivity()

    found = client.ask("ExecutionRequest", reqId=2)

    assert [name for name, _ in found].count("ExecutionDetails") == 1  # the entry's
    assert (len(control.executions()), control.net()) == (2, 0)


def test_a_broken_farm_stops_data_and_not_orders(gateway, client, control):
    streams(client)
    control.break_farm()
    before = ticks(client)
    gateway.pass_time(2)
    order = client.place("BUY")
    assert (ticks(client), client.status(order)) == (before, "Filled")

    control.mend_farm()
    gateway.pass_time(1)
    assert ticks(client) > before


def test_a_mute_gateway_speaks_later_of_what_happened(gateway, client, control):
    control.mute(30)
    order = client.place("BUY")
    gateway.pass_time(29)
    assert (client.status(order), control.net()) == ("", 1)

    gateway.pass_time(2)
    assert client.status(order) == "Filled"


def test_a_mute_gateway_may_forget_what_it_had_to_say(gateway, client, control):
    control.mute(30, then="drop")
    order = client.place("BUY")
    gateway.pass_time(31)

    assert (client.status(order), control.net()) == ("", 1)


def test_a_lost_acknowledgement_leaves_data_alone_and_queries_unanswered(gateway, client, control):
    streams(client)
    control.lose_acknowledgements(5)
    order = client.place("BUY")
    before = ticks(client)
    assert client.ask("AllOpenOrdersRequest") == []
    gateway.pass_time(6)

    assert (client.status(order), control.net()) == ("", 1)
    assert ticks(client) > before
    assert client.ask("PositionsRequest")[0][1]["position"] == "1"


@pytest.mark.parametrize("code", [399, 10349, 2109, 404, 10311, 2161])
@pytest.mark.parametrize("timing", ["before", "after"])
def test_a_notice_comes_before_or_after_the_acknowledgement(client, control, code, timing):
    control.notice_orders(code, timing=timing, count=1)
    order = client.place("BUY")
    client.place("SELL")

    about = [(n, b) for n, b in client.messages if order in (b.get("orderId"), b.get("id"))]
    first = [name for name, _ in about].index("ErrorMessage") == 0
    assert (first, client.errors()) == (timing == "before", [code])
    assert client.status(order) == "Filled"


@pytest.mark.parametrize("code", [110, 201, 103])
def test_a_rejection_places_nothing(gateway, client, control, code):
    control.reject_orders(code)
    client.place("BUY")

    assert (client.errors(), gateway.book.orders) == ([code], [])


def test_an_answer_may_be_empty_or_never_come(client, control):
    client.place("BUY")
    control.answer_empty("PositionsRequest")
    control.leave_unanswered("ExecutionRequest")

    assert [name for name, _ in client.ask("PositionsRequest")] == ["PositionEnd"]
    assert client.ask("ExecutionRequest", reqId=1) == []
    assert len(client.ask("PositionsRequest")) == 2


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("after", ["ExecutionDetails", "CommissionAndFeesReport"]),
        ("before", ["CommissionAndFeesReport", "ExecutionDetails"]),
        ("never", ["ExecutionDetails"]),
        ("alone", ["CommissionAndFeesReport"]),
    ],
)
def test_commission_and_execution_come_in_any_order_or_not_at_all(client, control, mode, told):
    control.commissions(mode)
    client.place("BUY")

    kinds = ("ExecutionDetails", "CommissionAndFeesReport")
    assert [name for name, _ in client.messages if name in kinds] == told


def test_two_incarnations_of_a_modified_order_can_both_fill(gateway, client, control):
    client.place("BUY", totalQuantity="1")
    stop = client.place("SELL", "STP", price=6490, outsideRth=True)
    control.keep_incarnations()
    client.place("SELL", "STP", price=6495, outsideRth=True, order_id=stop)

    listed = {(one["order_id"], one["stop"]) for one in control.open_orders()}
    assert listed == {(stop, 6490), (stop, 6495)}
    assert len({one["perm_id"] for one in control.open_orders()}) == 2

    gateway.move(6489)
    assert control.net() == -1


def test_a_manual_order_is_of_no_client(gateway, client, control):
    client.ask("PositionsRequest")
    control.manual_order("BUY", 2)

    assert client.got("Position")[-1]["position"] == "2"
    assert client.got("OrderStatus") == []
    assert client.ask("ExecutionRequest", reqId=4)[0][1]["execution"]["clientId"] == 0


def test_a_person_cancels_the_order_of_a_client(client, control):
    order = client.place("BUY", "LMT", price=6400)
    (listed,) = control.open_orders()

    control.cancel_as_person(listed["perm_id"])

    assert client.status(order) == "Cancelled"
    with pytest.raises(ValueError, match="no open order has perm id"):
        control.cancel_as_person(listed["perm_id"])


def test_executions_are_repeated_on_reconnect(gateway, client, control):
    client.place("BUY")
    control.repeat_executions()
    OnlyGateway(gateway).drop(1)

    assert len(PlainClient(gateway, 1).got("ExecutionDetails")) == 1


def test_delayed_data_has_ticks_of_its_own(gateway, client, control):
    control.delay_data()
    client.ask("MarketDataRequest", reqId=8, contract=MES)
    assert client.errors() == [354]

    client.ask("MarketDataTypeRequest", marketDataType=3)
    client.ask("MarketDataRequest", reqId=9, contract=MES)
    assert client.errors() == [354, 10167]
    assert {one["tickType"] for one in client.got("TickPrice")} == {66, 67, 68}


def test_more_than_fifty_messages_a_second_cost_the_connection(gateway, client):
    for _ in range(53):
        client.ask("CurrentTimeRequest")

    assert 100 in [one["errorCode"] for one in client.got("ErrorMessage")]
    assert client.hung_up


def test_sixty_histories_in_ten_minutes_are_the_most(gateway, client):
    for _ in range(61):
        gateway.pass_time(0.25)
        client.ask(
            "HistoricalDataRequest", reqId=1, contract=MES, barSizeSetting="1 min", duration="60 S"
        )

    assert client.errors() == [162]


def test_ids_can_be_rolled_back(gateway, client, control):
    client.place("BUY")
    control.roll_back_order_ids()

    assert client.ask("IdsRequest", numIds=1) == [("NextValidId", {"orderId": 1})]


def test_margin_can_be_zero(client, control):
    client.place("BUY")
    assert control.figures()["InitMarginReq"] == 2640

    control.zero_margin()

    assert control.figures()["InitMarginReq"] == 0


def test_orders_positions_executions_and_ids_survive_a_restart(tmp_path: Path):
    state = tmp_path / "tws.json"
    before = SteppedGateway(state=state)
    client = PlainClient(before)
    client.bracket(6490, 6515)
    before.pass_time(0.25)

    gateway = SteppedGateway(state=state)
    again = PlainClient(gateway)

    assert again.got("NextValidId") == [{"orderId": client.next_id + 1}]
    assert len(again.ask("AllOpenOrdersRequest")) == 5
    assert again.ask("PositionsRequest")[0][1]["position"] == "1"
    gateway.move(6489)
    assert gateway.account.positions == {}


def test_a_state_of_another_account_is_refused(tmp_path: Path):
    state = tmp_path / "tws.json"
    SteppedGateway(state=state).save()

    with pytest.raises(PluginError, match="is of account DU1234567, not DU7"):
        SteppedGateway(state=state, account="DU7")


def test_everything_received_is_in_the_ledger_and_its_file(tmp_path: Path):
    file = tmp_path / "ledger.jsonl"
    gateway = SteppedGateway(ledger=file)
    PlainClient(gateway).place("BUY")

    assert [one.name for one in gateway.ledger.received] == ["StartApiRequest", "PlaceOrderRequest"]
    assert file.read_text().count('"name": "PlaceOrderRequest"') == 1
