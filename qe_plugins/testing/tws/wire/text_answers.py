"""Answers of the text dialect: the fields of each message, in the order of server version 178."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qe_plugins.testing.tws.wire.messages import ANSWERS, Body
from qe_plugins.testing.tws.wire.text_orders import completed_order, open_order

UNSET_PROFIT = "1.7976931348623157E308"
Fields = list[Any]

POSITION = (
    *("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right"),
    *("multiplier", "exchange", "currency", "localSymbol", "tradingClass"),
)
BAR = ("date", "open", "high", "low", "close", "volume", "WAP", "barCount")
UPDATE = ("barCount", "date", "open", "close", "high", "low", "WAP", "volume")

PLAIN: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "TickPrice": (6, ("reqId", "tickType", "price", "size", "attrMask")),
    "TickSize": (6, ("reqId", "tickType", "size")),
    "TickGeneric": (6, ("reqId", "tickType", "value")),
    "TickString": (6, ("reqId", "tickType", "value")),
    "OrderStatus": (
        None,
        (
            *("orderId", "status", "filled", "remaining", "avgFillPrice", "permId", "parentId"),
            *("lastFillPrice", "clientId", "whyHeld", "mktCapPrice"),
        ),
    ),
    "AccountValue": (2, ("key", "value", "currency", "accountName")),
    "AccountUpdateTime": (1, ("timeStamp",)),
    "NextValidId": (1, ("orderId",)),
    "ManagedAccounts": (1, ("accountsList",)),
    "CurrentTime": (1, ("currentTime",)),
    "RealTimeBarTick": (
        3,
        ("reqId", "time", "open", "high", "low", "close", "volume", "WAP", "count"),
    ),
    "ContractDataEnd": (1, ("reqId",)),
    "OpenOrdersEnd": (1, ()),
    "AccountDataEnd": (1, ("accountName",)),
    "ExecutionDetailsEnd": (1, ("reqId",)),
    "TickSnapshotEnd": (1, ("reqId",)),
    "MarketDataType": (1, ("reqId", "marketDataType")),
    "PositionEnd": (1, ()),
    "AccountSummary": (1, ("reqId", "account", "tag", "value", "currency")),
    "AccountSummaryEnd": (1, ("reqId",)),
    "AccountUpdateMulti": (1, ("reqId", "account", "modelCode", "key", "value", "currency")),
    "AccountUpdateMultiEnd": (1, ("reqId",)),
    "TickReqParams": (None, ("reqId", "minTick", "bboExchange", "snapshotPermissions")),
    "PnL": (None, ("reqId", "dailyPnL", "unrealizedPnL", "realizedPnL")),
    "PnLSingle": (
        None,
        ("reqId", "position", "dailyPnL", "unrealizedPnL", "realizedPnL", "value"),
    ),
    "CompletedOrdersEnd": (None, ()),
}
"""Messages that are a version, if any, and these fields."""


def write(name: str, body: Body, version: int) -> bytes | None:
    """Return the message without its length, or None if the dialect has no such message."""
    if name in PLAIN:
        own_version, names = PLAIN[name]
        fields = [*([own_version] if own_version else []), *pick(body, names)]
    elif name in WRITERS:
        fields = WRITERS[name](body, version)
    else:
        return None
    return join([ANSWERS[name], *fields])


def join(fields: Sequence[Any]) -> bytes:
    """Return the fields as text, each ended by a zero byte."""
    return "".join(f"{text(one)}\0" for one in fields).encode()


def text(value: Any) -> str:
    """Return a field as text: flags as 0 and 1, whole numbers without a point."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def pick(body: Body, names: Sequence[str]) -> Fields:
    """Return the values of `names`, empty where the body has none."""
    return [body.get(name, "") for name in names]


def historical_data(rows: list[Body], end: Body) -> bytes:
    """Return bars with their period: one message here, two of the protobuf dialect."""
    fields: Fields = [17, *pick(end, ("reqId", "startDateStr", "endDateStr")), len(rows)]
    for row in rows:
        fields += pick(row, BAR)
    return join(fields)


def _error(body: Body, version: int) -> Fields:
    advanced = [""] if version >= 166 else []
    return [2, *pick(body, ("id", "errorCode", "errorMsg")), *advanced]


def _portfolio(body: Body, version: int) -> Fields:
    values = ("position", "marketPrice", "marketValue", "averageCost", "unrealizedPNL")
    behind = (*values, "realizedPNL", "accountName")
    return [8, *pick(body["contract"], POSITION), *pick(body, behind)]


def _position(body: Body, version: int) -> Fields:
    held = pick(body, ("position", "avgCost"))
    return [3, body["account"], *pick(body["contract"], POSITION), *held]


def _contract(body: Body, version: int) -> Fields:
    contract, details = body["contract"], body["contractDetails"]
    names = ("symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right", "exchange")
    fields = [*([8] if version < 164 else []), body["reqId"], *pick(contract, names)]
    fields += [*pick(contract, ("currency", "localSymbol")), details["marketName"]]
    fields += [*pick(contract, ("tradingClass", "conId")), details["minTick"]]
    fields += [*([""] if version < 164 else []), contract["multiplier"]]
    fields += pick(details, ("orderTypes", "validExchanges", "priceMagnifier", "underConId"))
    fields += [details["longName"], contract.get("primaryExch", "")]
    fields += pick(details, ("contractMonth", "industry", "category", "subcategory"))
    fields += pick(details, ("timeZoneId", "tradingHours", "liquidHours", "evRule", "evMultiplier"))
    fields += [0, *pick(details, ("aggGroup", "underSymbol", "underSecType", "marketRuleIds"))]
    fields += pick(details, ("realExpirationDate", "stockType"))
    if version >= 164:
        fields += pick(details, ("minSize", "sizeIncrement"))
    if version >= 163:
        fields.append(details["suggestedSizeIncrement"])
    return fields


def _execution(body: Body, version: int) -> Fields:
    execution = body["execution"]
    fields = [body["reqId"], execution["orderId"], *pick(body["contract"], POSITION)]
    names = ("execId", "time", "acctNumber", "exchange", "side", "shares", "price", "permId")
    fields += [*pick(execution, names), execution["clientId"], 0]
    fields += pick(execution, ("cumQty", "avgPrice", "orderRef", "evRule", "evMultiplier"))
    fields += pick(execution, ("modelCode", "lastLiquidity"))
    return [*fields, *([0] if version >= 178 else [])]


def _commission(body: Body, version: int) -> Fields:
    realized = body.get("realizedPNL", UNSET_PROFIT)
    return [1, *pick(body, ("execId", "commissionAndFees", "currency")), realized, "", ""]


def _update(body: Body, version: int) -> Fields:
    return [body["reqId"], *pick(body["historicalDataBar"], UPDATE)]


def _rule(body: Body, version: int) -> Fields:
    steps = body["priceIncrements"]
    fields: Fields = [body["marketRuleId"], len(steps)]
    for step in steps:
        fields += pick(step, ("lowEdge", "increment"))
    return fields


def _tick(body: Body, version: int) -> Fields:
    fields = [body["reqId"], body["tickType"]]
    if tick := body.get("historicalTickBidAsk"):
        return [*fields, *pick(tick, ("time", "priceBid", "priceAsk", "sizeBid", "sizeAsk")), 0]
    tick = body["historicalTickLast"]
    behind = pick(tick, ("exchange", "specialConditions"))
    return [*fields, *pick(tick, ("time", "price", "size")), 0, *behind]


WRITERS: dict[str, Callable[[Body, int], Fields]] = {
    "ErrorMessage": _error,
    "OpenOrder": open_order,
    "CompletedOrder": completed_order,
    "PortfolioValue": _portfolio,
    "Position": _position,
    "ContractData": _contract,
    "ExecutionDetails": _execution,
    "CommissionAndFeesReport": _commission,
    "HistoricalDataUpdate": _update,
    "MarketRule": _rule,
    "TickByTickData": _tick,
}
