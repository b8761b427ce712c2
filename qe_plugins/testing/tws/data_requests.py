"""Requests for contracts and market data, and what is published to subscribers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qe_plugins.testing.tws.account_requests import publish_profits
from qe_plugins.testing.tws.exchange.bars import (
    BAR_SECONDS,
    BASE_SECONDS,
    TickBar,
    duration_seconds,
)
from qe_plugins.testing.tws.exchange.futures import MARKET_RULE, TICK, ListedFuture
from qe_plugins.testing.tws.exchange.prices import to_price
from qe_plugins.testing.tws.faults import text_of
from qe_plugins.testing.tws.sessions import BarStream, ClientSession
from qe_plugins.testing.tws.wire.messages import Body
from qe_plugins.testing.tws.wire.times import bar_time, parse, server_time

if TYPE_CHECKING:
    from qe_plugins.testing.tws.gateway import Gateway, Handler

BID, ASK, LAST, BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME = 1, 2, 4, 0, 3, 5, 8
DELAYED = {BID: 66, ASK: 67, LAST: 68, BID_SIZE: 69, ASK_SIZE: 70, LAST_SIZE: 71, VOLUME: 74}
REAL_TIME, DELAYED_DATA = 1, 3


def contract_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer the contracts that fit, or error 200."""
    req_id = body["reqId"]
    found = gateway.futures.find(body.get("contract", {}))
    if gateway.faults.take(gateway.faults.empty, "ContractDataRequest"):
        found = []
    elif not found:
        session.error(200, text_of(200), req_id)
        return
    for future in found:
        contract = future.contract()
        if gateway.settings.last_trade_time:
            contract["lastTradeDateOrContractMonth"] += f" {future.last_trade:%H:%M:%S} US/Central"
        details = future.details(gateway.hours, gateway.now())
        session.send("ContractData", reqId=req_id, contract=contract, contractDetails=details)
    session.send("ContractDataEnd", reqId=req_id)


def market_rule(gateway: Gateway, session: ClientSession, body: Body) -> None:
    rule = int(body["marketRuleId"])
    if rule != MARKET_RULE:
        session.error(322, f"Error processing request.-'cD' : cause - Invalid market rule {rule}")
        return
    session.send(
        "MarketRule", marketRuleId=rule, priceIncrements=[{"lowEdge": 0.0, "increment": TICK}]
    )


def market_data_type(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.data_type = int(body.get("marketDataType", REAL_TIME))


def market_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Subscribe to quotes; with delayed data, real-time subscriptions are refused."""
    req_id = int(body["reqId"])
    future = _one(gateway, session, req_id, body)
    if future is None:
        return
    if gateway.faults.delayed_data:
        if session.data_type == REAL_TIME:
            session.error(354, text_of(354), req_id)
            return
        session.error(10167, text_of(10167), req_id)
    session.send(
        "TickReqParams",
        reqId=req_id,
        minTick=f"{TICK}",
        bboExchange="9c0001",
        snapshotPermissions=3,
    )
    kind = DELAYED_DATA if gateway.faults.delayed_data else REAL_TIME
    session.send("MarketDataType", reqId=req_id, marketDataType=kind)
    _send_quote(gateway, session, req_id, future)
    if body.get("snapshot"):
        session.send("TickSnapshotEnd", reqId=req_id)
    else:
        session.market_data[req_id] = future.con_id


def cancel_market_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.market_data.pop(body["reqId"], None)


def tick_by_tick(gateway: Gateway, session: ClientSession, body: Body) -> None:
    req_id = int(body["reqId"])
    future = _one(gateway, session, req_id, body)
    if future is not None:
        session.tick_by_tick[req_id] = future.con_id, str(body.get("tickType", "Last"))


def cancel_tick_by_tick(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.tick_by_tick.pop(body["reqId"], None)


def real_time_bars(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Subscribe to bars of 5 seconds."""
    req_id = int(body["reqId"])
    future = _one(gateway, session, req_id, body)
    if future is not None:
        start = int(gateway.now() // BASE_SECONDS) * BASE_SECONDS
        session.real_time_bars[req_id] = BarStream(future.con_id, BASE_SECONDS, False, start)


def cancel_real_time_bars(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.real_time_bars.pop(body["reqId"], None)


def historical_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer bars, and go on with updates where `keepUpToDate` says so."""
    req_id, now = int(body["reqId"]), gateway.now()
    future = _one(gateway, session, req_id, body)
    if future is None:
        return
    size = str(body.get("barSizeSetting", ""))
    try:
        seconds, duration = BAR_SECONDS[size], duration_seconds(str(body.get("duration", "")))
        end = parse(body["endDateTime"]) if body.get("endDateTime") else now
    except (KeyError, ValueError) as error:
        session.error(321, f"Error validating request.-'cB' : cause - Invalid {error}", req_id)
        return
    if not session.is_history_paced(now):
        text = (
            "Historical Market Data Service error message:Historical data request pacing violation"
        )
        session.error(162, text, req_id)
        return
    as_seconds = int(body.get("formatDate", 1)) == 2
    first = (end - duration) // seconds * seconds
    zone = gateway.settings.time_zone
    bars = gateway.market.series.bars(seconds, first, min(end, now + 1))
    if body.get("useRTH"):
        bars = [bar for bar in bars if gateway.hours.is_regular(bar.start)]
    if gateway.faults.take(gateway.faults.empty, "HistoricalDataRequest"):
        bars = []
    rows = [_row(gateway, future, bar, seconds, as_seconds) for bar in bars]
    session.send("HistoricalData", reqId=req_id, historicalDataBars=rows)
    session.send(
        "HistoricalDataEnd",
        reqId=req_id,
        startDateStr=server_time(end - duration, zone),
        endDateStr=server_time(end, zone),
    )
    if body.get("keepUpToDate"):
        sent = bars[-1].start if bars else 0
        session.streams[req_id] = BarStream(future.con_id, seconds, as_seconds, sent)


def cancel_historical_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.streams.pop(body["reqId"], None)


def cancel_contract_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """There is nothing to cancel: contracts are answered at once."""


def publish(gateway: Gateway, *, traded: bool) -> None:
    """Send the subscribers quotes and bars; without `traded` only bars that have closed."""
    for session in gateway.started():
        if traded:
            for req_id, con_id in list(session.market_data.items()):
                _send_quote(gateway, session, req_id, gateway.futures.by_id(con_id))
            for req_id, (con_id, kind) in list(session.tick_by_tick.items()):
                _send_tick(gateway, session, req_id, gateway.futures.by_id(con_id), kind)
        for req_id, stream in list(session.streams.items()):
            _send_update(gateway, session, req_id, stream)
        for req_id, stream in list(session.real_time_bars.items()):
            _send_real_time_bar(gateway, session, req_id, stream)
    if gateway.now() % 1 < 0.25:
        publish_profits(gateway)


def _one(gateway: Gateway, session: ClientSession, req_id: int, body: Body) -> ListedFuture | None:
    found = gateway.futures.find(body.get("contract", {}))
    if len(found) == 1:
        return found[0]
    session.error(200, text_of(200), req_id)
    return None


def _send_quote(
    gateway: Gateway, session: ClientSession, req_id: int, future: ListedFuture
) -> None:
    quote, market = gateway.market.quote(future), gateway.market
    types = DELAYED if gateway.faults.delayed_data else {}
    prices = (
        (BID, quote.bid, quote.bid_size),
        (ASK, quote.ask, quote.ask_size),
        (LAST, quote.last, quote.last_size),
    )
    for kind, price, size in prices:
        session.send(
            "TickPrice",
            reqId=req_id,
            tickType=types.get(kind, kind),
            price=price,
            size=str(size),
            attrMask=0,
        )
    session.send(
        "TickSize", reqId=req_id, tickType=types.get(VOLUME, VOLUME), size=str(market.volume)
    )


def _send_tick(
    gateway: Gateway, session: ClientSession, req_id: int, future: ListedFuture, kind: str
) -> None:
    quote, time = gateway.market.quote(future), int(gateway.now())
    if kind == "BidAsk":
        tick = {
            "time": time,
            "priceBid": quote.bid,
            "priceAsk": quote.ask,
            "sizeBid": str(quote.bid_size),
            "sizeAsk": str(quote.ask_size),
        }
        session.send("TickByTickData", reqId=req_id, tickType=3, historicalTickBidAsk=tick)
        return
    tick = {
        "time": time,
        "price": quote.last,
        "size": str(quote.last_size),
        "exchange": "CME",
        "specialConditions": "",
    }
    number = 1 if kind == "Last" else 2
    session.send("TickByTickData", reqId=req_id, tickType=number, historicalTickLast=tick)


def _send_update(gateway: Gateway, session: ClientSession, req_id: int, stream: BarStream) -> None:
    now, series = gateway.now(), gateway.market.series
    current = series.current(stream.seconds, now)
    future = gateway.futures.by_id(stream.con_id)
    is_new = current is not None and current.start > stream.sent
    if current is None or not (is_new or now % 1 < 0.25):
        return
    if is_new and stream.sent:  # the last state of the bar that has closed
        for bar in series.bars(stream.seconds, stream.sent, stream.sent + stream.seconds):
            row = _row(gateway, future, bar, stream.seconds, stream.as_seconds)
            session.send("HistoricalDataUpdate", reqId=req_id, historicalDataBar=row)
    stream.sent = current.start
    row = _row(gateway, future, current, stream.seconds, stream.as_seconds)
    session.send("HistoricalDataUpdate", reqId=req_id, historicalDataBar=row)


def _send_real_time_bar(
    gateway: Gateway, session: ClientSession, req_id: int, stream: BarStream
) -> None:
    start = int(gateway.now() // BASE_SECONDS) * BASE_SECONDS
    if start <= stream.sent:
        return
    future = gateway.futures.by_id(stream.con_id)
    for bar in gateway.market.series.bars(BASE_SECONDS, stream.sent, start):
        row = _row(gateway, future, bar, BASE_SECONDS, True)
        row["time"] = int(row.pop("date"))
        row["count"] = row.pop("barCount")
        session.send("RealTimeBarTick", reqId=req_id, **row)
    stream.sent = start


def _row(
    gateway: Gateway, future: ListedFuture, bar: TickBar, seconds: int, as_seconds: bool
) -> Body:
    basis = gateway.market.basis(future)
    zone, daily = gateway.settings.time_zone, seconds >= BAR_SECONDS["1 day"]
    prices = [to_price(ticks) + basis for ticks in (bar.open, bar.high, bar.low, bar.close)]
    return {
        "date": bar_time(bar.start, zone, seconds=as_seconds, daily=daily),
        **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        "volume": str(bar.volume),
        "WAP": f"{sum(prices) / 4:.4f}",
        "barCount": bar.count,
    }


HANDLERS: dict[str, Handler] = {
    "ContractDataRequest": contract_data,
    "CancelContractData": cancel_contract_data,
    "MarketRuleRequest": market_rule,
    "MarketDataTypeRequest": market_data_type,
    "MarketDataRequest": market_data,
    "CancelMarketData": cancel_market_data,
    "TickByTickRequest": tick_by_tick,
    "CancelTickByTick": cancel_tick_by_tick,
    "RealTimeBarsRequest": real_time_bars,
    "CancelRealTimeBars": cancel_real_time_bars,
    "HistoricalDataRequest": historical_data,
    "CancelHistoricalData": cancel_historical_data,
}
