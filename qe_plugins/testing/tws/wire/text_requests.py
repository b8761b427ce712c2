"""Requests of the text dialect (server versions 157 to 178), read into the protobuf's names.

A message is fields that end with a zero byte; the first is its number, and the older ones have a
version of their own behind it.
"""

from __future__ import annotations

from collections.abc import Callable

from qe_plugins.testing.tws.wire.messages import REQUESTS, Body

CONTRACT = (
    *("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right"),
    *("multiplier", "exchange", "primaryExch", "currency", "localSymbol", "tradingClass"),
)
INTEGERS = {
    *("conId", "orderId", "parentId", "clientId", "ocaType", "triggerMethod", "reqId", "numIds"),
    *("marketRuleId", "marketDataType", "barSize", "formatDate", "numberOfTicks", "displaySize"),
}
NUMBERS = {"strike", "multiplier", "lmtPrice", "auxPrice", "trailStopPrice", "trailingPercent"}
FLAGS = {
    *("transmit", "outsideRth", "hidden", "blockOrder", "sweepToFill", "whatIf", "subscribe"),
    *("includeExpired", "useRTH", "keepUpToDate", "snapshot", "autoBind", "apiOnly"),
}
ORDER = (
    *("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account"),
    *("openClose", "origin", "orderRef", "transmit", "parentId", "blockOrder", "sweepToFill"),
    *("displaySize", "triggerMethod", "outsideRth", "hidden"),
)
BEHIND = (
    *("", "discretionaryAmt", "goodAfterTime", "goodTillDate", "faGroup", "faMethod"),
    "faPercentage",
)
KEPT = {"action", "totalQuantity", "orderType", "tif", "ocaGroup", "account", "orderRef"} | {
    "goodTillDate"
}
TRAILING = ("", "", "trailStopPrice", "trailingPercent", *[""] * 14, "whatIf")
HEDGE, ALGORITHM = 10, 16
"""Where, behind these, an order has more fields that are not simulated."""

UNSET = {"", "2147483647", "1.7976931348623157e+308", "1.7976931348623157E308"}


def read(fields: list[str], version: int) -> tuple[str, Body]:
    """Return the name and the fields of a request. Raises `ValueError` if it cannot be read."""
    number = int(fields[0])
    name = REQUESTS.get(number, f"message {number}")
    reader = READERS.get(name)
    try:
        return name, reader(fields[1:], version) if reader else {}
    except (IndexError, ValueError) as error:
        raise ValueError(f"cannot read {name}: {fields}") from error


def _named(*names: str) -> Callable[[list[str], int], Body]:
    def reader(fields: list[str], version: int) -> Body:
        return _body(names, fields)

    return reader


def _body(names: tuple[str, ...], fields: list[str]) -> Body:
    body: Body = {}
    for name, text in zip(names, fields, strict=False):
        if not name or text in UNSET:
            continue
        if name in INTEGERS:
            body[name] = int(text)
        elif name in NUMBERS:
            body[name] = float(text)
        elif name in FLAGS:
            body[name] = text == "1"
        else:
            body[name] = text
    return body


def _contract(fields: list[str]) -> Body:
    return _body(CONTRACT, fields[: len(CONTRACT)])


def _with_contract(*names: str, before: int) -> Callable[[list[str], int], Body]:
    """Return a reader of `reqId`, behind `before` fields, a contract, and fields of these names."""

    def reader(fields: list[str], version: int) -> Body:
        rest = fields[before:]
        behind = rest[1 + len(CONTRACT) :]
        return {"reqId": int(rest[0]), "contract": _contract(rest[1:]), **_body(names, behind)}

    return reader


def _place_order(fields: list[str], version: int) -> Body:
    order_id, rest = int(fields[0]), fields[1:]
    contract, rest = _contract(rest), rest[len(CONTRACT) + 2 :]
    order, rest = _body(ORDER, rest), rest[len(ORDER) :]
    if contract.get("secType") == "BAG":
        raise ValueError("combinations are not simulated")
    order |= _body(BEHIND, rest)
    rest = rest[len(BEHIND) + (1 if version < 177 else 0) :]
    rest = rest[4:]  # model, short sale slot, location, exempt code
    order |= _body(("ocaType",), rest)
    # rule80A ... volatilityType, then the delta neutral order type and price
    trailing = rest[20:]
    if trailing[HEDGE] or trailing[ALGORITHM]:
        raise ValueError("hedges and algorithms are not simulated")
    order |= _body(TRAILING, trailing)
    kept = KEPT | INTEGERS | NUMBERS | FLAGS
    return {
        "orderId": order_id,
        "contract": contract,
        "order": {name: value for name, value in order.items() if name in kept},
    }


def _executions(fields: list[str], version: int) -> Body:
    names = ("clientId", "acctCode", "time", "symbol", "secType", "exchange", "side")
    return {"reqId": int(fields[1]), "executionFilter": _body(names, fields[2:])}


READERS: dict[str, Callable[[list[str], int], Body]] = {
    "MarketDataRequest": _with_contract("", "genericTickList", "snapshot", before=1),
    "CancelMarketData": _named("", "reqId"),
    "PlaceOrderRequest": _place_order,
    "CancelOrderRequest": _named("", "orderId"),
    "AccountDataRequest": _named("", "subscribe", "acctCode"),
    "ExecutionRequest": _executions,
    "IdsRequest": _named("", "numIds"),
    "ContractDataRequest": _with_contract("includeExpired", before=1),
    "AutoOpenOrdersRequest": _named("", "autoBind"),
    "HistoricalDataRequest": _with_contract(
        *("includeExpired", "endDateTime", "barSizeSetting", "duration", "useRTH", "whatToShow"),
        *("formatDate", "keepUpToDate"),
        before=0,
    ),
    "CancelHistoricalData": _named("", "reqId"),
    "RealTimeBarsRequest": _with_contract("barSize", "whatToShow", "useRTH", before=1),
    "CancelRealTimeBars": _named("", "reqId"),
    "MarketDataTypeRequest": _named("", "marketDataType"),
    "AccountSummaryRequest": _named("", "reqId", "group", "tags"),
    "CancelAccountSummary": _named("", "reqId"),
    "StartApiRequest": _named("", "clientId", "optionalCapabilities"),
    "AccountUpdatesMultiRequest": _named("", "reqId", "account", "modelCode"),
    "CancelAccountUpdatesMulti": _named("", "reqId"),
    "MarketRuleRequest": _named("marketRuleId"),
    "PnLRequest": _named("reqId", "account", "modelCode"),
    "CancelPnL": _named("reqId"),
    "PnLSingleRequest": _named("reqId", "account", "modelCode", "conId"),
    "CancelPnLSingle": _named("reqId"),
    "TickByTickRequest": _with_contract("tickType", "numberOfTicks", before=0),
    "CancelTickByTick": _named("reqId"),
    "CompletedOrdersRequest": _named("apiOnly"),
}
"""Readers of the fields behind the number; requests that are not here have no fields."""
