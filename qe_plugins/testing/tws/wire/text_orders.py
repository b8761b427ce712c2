"""Orders in the text dialect: which field comes when.

An entry is a field of the order, one of its state (`state.`) or of its contract (`contract.`); an
empty one is a field that no order here has, and a number stands for itself.
"""

from __future__ import annotations

from typing import Any

from qe_plugins.testing.tws.wire.messages import Body

Layout = tuple[str | int, ...]

CONTRACT: Layout = tuple(
    f"contract.{name}"
    for name in (
        *("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right"),
        *("multiplier", "exchange", "currency", "localSymbol", "tradingClass"),
    )
)
TERMS: Layout = (
    *("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup", "account"),
    *("openClose", "origin", "orderRef"),
)
ADVISOR: Layout = ("faGroup", "faMethod", "faPercentage")
PRICES: Layout = ("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper")
MARGINS: Layout = tuple(
    f"state.{name}"
    for name in (
        *("status", "initMarginBefore", "maintMarginBefore", "equityWithLoanBefore"),
        *("initMarginChange", "maintMarginChange", "equityWithLoanChange"),
        *("initMarginAfter", "maintMarginAfter", "equityWithLoanAfter"),
        *("commissionAndFees", "minCommissionAndFees", "maxCommissionAndFees"),
        *("commissionAndFeesCurrency", "warningText"),
    )
)

NO_LEGS: Layout = (0, 0, 0)
"""No legs of a combination, no prices of them, no routing parameters."""

OPEN: Layout = (
    *("orderId", *CONTRACT, *TERMS, "clientId", "permId", "outsideRth", "hidden"),
    *("discretionaryAmt", "goodAfterTime", "", *ADVISOR, "<177", "modelCode", "goodTillDate"),
    *("rule80A", "percentOffset", "settlingFirm", "shortSaleSlot", "designatedLocation", -1, 0),
    *(*PRICES, "displaySize", "blockOrder", "sweepToFill", "allOrNone", "minQty", "ocaType"),
    *(0, 0, "", "parentId", "triggerMethod", "volatility", "volatilityType", "None", ""),
    *("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", "", "", ""),
    *(*NO_LEGS, "", "", "", "hedgeType", "optOutSmartRouting", "clearingAccount"),
    *("clearingIntent", "notHeld", 0, "algoStrategy", "solicited", "whatIf", *MARGINS),
    *("randomizeSize", "randomizePrice", 0, "adjustedOrderType", "triggerPrice", "trailStopPrice"),
    *("lmtPriceOffset", "adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount"),
    *("adjustableTrailingUnit", "", "", "", "cashQty", "dontUseAutoPriceForHedge"),
    *("isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo"),
    *(">=159", ">=160", ">=162", ">=170", ">=170", ">=170", ">=170", ">=170"),
)
COMPLETED: Layout = (
    *(*CONTRACT, *TERMS, "permId", "outsideRth", "hidden", "discretionaryAmt", "goodAfterTime"),
    *(*ADVISOR, "<177", "modelCode", "goodTillDate", "rule80A", "percentOffset", "settlingFirm"),
    *("shortSaleSlot", "designatedLocation", -1, *PRICES, "displaySize", "sweepToFill"),
    *("allOrNone", "minQty", "ocaType", "triggerMethod", "volatility", "volatilityType", "None"),
    *("", "continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent", ""),
    *(*NO_LEGS, "", "", "", "hedgeType", "clearingAccount", "clearingIntent", "notHeld", 0),
    *("algoStrategy", "solicited", "state.status", "randomizeSize", "randomizePrice", 0),
    *("trailStopPrice", "lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge", "isOmsContainer"),
    *("autoCancelDate", "filledQuantity", "refFuturesConId", "autoCancelParent", "shareholder"),
    *("imbalanceOnly", "routeMarketableToBbo", "parentPermId", "state.completedTime"),
    *("state.completedStatus", ">=170", ">=170", ">=170", ">=170", ">=170"),
)

FLAGS = {"outsideRth", "hidden", "blockOrder", "sweepToFill", "allOrNone", "continuousUpdate"} | {
    *("optOutSmartRouting", "notHeld", "solicited", "whatIf", "randomizeSize", "randomizePrice"),
    *("isOmsContainer", "dontUseAutoPriceForHedge", "discretionaryUpToLimitPrice"),
}


def open_order(body: Body, version: int) -> list[Any]:
    """Return the fields of an open order behind the message's number."""
    return _fields(OPEN, body, version)


def completed_order(body: Body, version: int) -> list[Any]:
    """Return the fields of a completed order behind the message's number."""
    return _fields(COMPLETED, body, version)


def _fields(layout: Layout, body: Body, version: int) -> list[Any]:
    order = {"orderId": body.get("orderId", 0), **body["order"]}
    fields: list[Any] = []
    for entry in layout:
        if isinstance(entry, int) or entry in ("", "None"):
            fields.append("" if entry == "None" else entry)
        elif entry.startswith("<"):
            fields += [""] if version < int(entry[1:]) else []
        elif entry.startswith(">="):
            fields += [""] if version >= int(entry[2:]) else []
        elif entry.startswith("contract."):
            fields.append(body["contract"].get(entry[9:], ""))
        elif entry.startswith("state."):
            fields.append(body["orderState"].get(entry[6:], ""))
        else:
            fields.append(order.get(entry, False if entry in FLAGS else ""))
    return fields
