"""Names and numbers of the messages, and IB's own protobuf classes, imported when first used.

A message is a name of IB's protobuf files and a dictionary of its fields, in either dialect: the
text dialect is translated into the same names, so that nothing else has to know which one a client
speaks.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from qe_plugins.errors import PluginError

Body = dict[str, Any]
"""The fields of a message by their protobuf names; an absent field is not in it."""

PROTOBUF_OFFSET = 200
"""Added to the number of a message that is encoded as protobuf."""

REQUESTS: dict[int, str] = {
    1: "MarketDataRequest",
    2: "CancelMarketData",
    3: "PlaceOrderRequest",
    4: "CancelOrderRequest",
    5: "OpenOrdersRequest",
    6: "AccountDataRequest",
    7: "ExecutionRequest",
    8: "IdsRequest",
    9: "ContractDataRequest",
    14: "SetServerLogLevelRequest",
    15: "AutoOpenOrdersRequest",
    16: "AllOpenOrdersRequest",
    17: "ManagedAccountsRequest",
    20: "HistoricalDataRequest",
    25: "CancelHistoricalData",
    49: "CurrentTimeRequest",
    50: "RealTimeBarsRequest",
    51: "CancelRealTimeBars",
    58: "GlobalCancelRequest",
    59: "MarketDataTypeRequest",
    61: "PositionsRequest",
    62: "AccountSummaryRequest",
    63: "CancelAccountSummary",
    64: "CancelPositions",
    71: "StartApiRequest",
    76: "AccountUpdatesMultiRequest",
    77: "CancelAccountUpdatesMulti",
    91: "MarketRuleRequest",
    92: "PnLRequest",
    93: "CancelPnL",
    94: "PnLSingleRequest",
    95: "CancelPnLSingle",
    97: "TickByTickRequest",
    98: "CancelTickByTick",
    99: "CompletedOrdersRequest",
    105: "CurrentTimeInMillisRequest",
    106: "CancelContractData",
}
"""What a client may ask, by number."""

ANSWERS: dict[str, int] = {
    "TickPrice": 1,
    "TickSize": 2,
    "OrderStatus": 3,
    "ErrorMessage": 4,
    "OpenOrder": 5,
    "AccountValue": 6,
    "PortfolioValue": 7,
    "AccountUpdateTime": 8,
    "NextValidId": 9,
    "ContractData": 10,
    "ExecutionDetails": 11,
    "ManagedAccounts": 15,
    "HistoricalData": 17,
    "TickGeneric": 45,
    "TickString": 46,
    "CurrentTime": 49,
    "RealTimeBarTick": 50,
    "ContractDataEnd": 52,
    "OpenOrdersEnd": 53,
    "AccountDataEnd": 54,
    "ExecutionDetailsEnd": 55,
    "TickSnapshotEnd": 57,
    "MarketDataType": 58,
    "CommissionAndFeesReport": 59,
    "Position": 61,
    "PositionEnd": 62,
    "AccountSummary": 63,
    "AccountSummaryEnd": 64,
    "AccountUpdateMulti": 73,
    "AccountUpdateMultiEnd": 74,
    "TickReqParams": 81,
    "HistoricalDataUpdate": 90,
    "MarketRule": 93,
    "PnL": 94,
    "PnLSingle": 95,
    "TickByTickData": 99,
    "CompletedOrder": 101,
    "CompletedOrdersEnd": 102,
    "HistoricalDataEnd": 108,
    "CurrentTimeInMillis": 109,
}
"""What the gateway sends, by name."""

UNKNOWN, UNKNOWN_NUMBER = "a message of a later version", 199
"""A message that no client knows: it has no fields."""

MISSING = (
    "the simulated TWS needs IB's protobuf classes: pip install nautilus-ibapi protobuf "
    "(IB's licence, so they are no part of this package)"
)


@functools.cache
def message_class(name: str) -> Any:
    """Return IB's class of the message `name`. Raises `PluginError` if it is not installed."""
    try:
        module = importlib.import_module(f"ibapi.protobuf.{name}_pb2")
    except ImportError as error:
        raise PluginError(f"{MISSING}: {error}") from error
    return getattr(module, name)


def require_classes() -> None:
    """Raise `PluginError` with what to install if IB's protobuf classes are missing."""
    message_class("StartApiRequest")


def encode(name: str, body: Body) -> bytes:
    """Return the message as it goes over the wire, without its length."""
    number = ANSWERS[name] + PROTOBUF_OFFSET
    payload: bytes = message_class(name)(**body).SerializeToString()
    return number.to_bytes(4, "big") + payload


def decode(name: str, payload: bytes) -> Body:
    """Return the fields that the client set in the request `name`."""
    message = message_class(name)()
    message.ParseFromString(payload)
    return _fields(message)


def _fields(message: Any) -> Body:
    body: Body = {}
    for field, value in message.ListFields():
        if field.message_type is None:
            body[field.name] = list(value) if field.is_repeated else value
        elif field.message_type.GetOptions().map_entry:
            body[field.name] = dict(value)
        elif field.is_repeated:
            body[field.name] = [_fields(one) for one in value]
        else:
            body[field.name] = _fields(value)
    return body
