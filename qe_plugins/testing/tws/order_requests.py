"""Requests about orders: place, modify, cancel, and what there is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.testing.tws.exchange.hours import trading_date
from qe_plugins.testing.tws.exchange.orders import ENDED, GatewayOrder
from qe_plugins.testing.tws.faults import text_of
from qe_plugins.testing.tws.sessions import ClientSession
from qe_plugins.testing.tws.wire.messages import Body
from qe_plugins.testing.tws.wire.times import midnight, parse, server_time

if TYPE_CHECKING:
    from qe_plugins.testing.tws.gateway import Gateway, Handler


def place_order(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Place an order, or modify the live one of this id."""
    order_id, fields = int(body["orderId"]), dict(body.get("order", {}))
    known = gateway.book.find(session.client_id, order_id)
    if known is not None and known.status in ENDED:
        session.error(103, text_of(103), order_id)
        return
    found = gateway.futures.find(body.get("contract", {}))
    if len(found) != 1:
        session.error(200, text_of(200), order_id)
        return
    if (account := fields.get("account")) and account != gateway.account.id:
        session.error(321, f"Invalid account code '{account}'.", order_id)
        return
    gateway.next_order_id = max(gateway.next_order_id, order_id + 1)
    now = gateway.now()
    order = GatewayOrder(
        order_id=order_id,
        client_id=session.client_id,
        perm_id=known.perm_id if known else gateway.new_perm_id(),
        con_id=found[0].con_id,
        fields=fields,
        placed=now,
    )
    if fields.get("whatIf"):
        order.status = "PreSubmitted"
        session.send("OpenOrder", **gateway.open_order(order))
        return
    rejection = gateway.faults.take_rejection()
    refusal = (rejection.code, rejection.text) if rejection else gateway.book.refusal(order)
    if refusal is None and not fields.get("parentId"):
        refusal = _short_of_margin(gateway, order)
    if refusal is not None:
        session.error(*refusal, order_id)
        return
    if not gateway.faults.is_connected:
        gateway.timetable.after(0.5, lambda: place_order(gateway, session, body))
        return
    for notice in gateway.faults.take_notices("before"):
        session.error(notice.code, notice.text, order_id)
    if known is not None and known.transmitted:
        _modify(gateway, known, fields)
    else:
        if known is not None:
            gateway.book.forget(known)
        gateway.book.add(order, now)
        if gateway.book.delay:
            gateway.timetable.after(gateway.book.delay, gateway.trade)
    for notice in gateway.faults.take_notices("after"):
        session.error(notice.code, notice.text, order_id)
    gateway.mark_changed()


def cancel_order(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Cancel an order of this client."""
    order_id = int(body["orderId"])
    order = gateway.book.find(session.client_id, order_id)
    if order is None:
        text = f"OrderId {order_id} that needs to be cancelled is not found."
        session.error(10147, text, order_id)
    elif order.status in ENDED:
        text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: "
        session.error(10148, text + f"{order.status}.", order_id)
    elif not order.transmitted:
        gateway.book.forget(order)
        session.error(202, "Order Canceled - reason:", order_id)
    else:
        gateway.book.cancel(order, gateway.now())


def cancel_everything(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Cancel every order of the account, those of other clients included."""
    for order in gateway.book.open_orders():
        gateway.book.cancel(order, gateway.now())


def open_orders(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer the open orders of this client."""
    _send_open(gateway, session, "OpenOrdersRequest", session.client_id)


def all_open_orders(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer the open orders of all clients and of TWS."""
    _send_open(gateway, session, "AllOpenOrdersRequest", None)


def auto_open_orders(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Bind the orders of TWS to this client, which must be client 0."""
    if session.client_id != 0:
        session.error(
            321, "Error validating request.-'cD' : cause - Only the default client (i.e 0)"
        )
        return
    session.binds_orders = bool(body.get("autoBind"))


def completed_orders(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer the orders that ended in today's session."""
    if not gateway.faults.take(gateway.faults.empty, "CompletedOrdersRequest"):
        today = trading_date(gateway.now())
        for order in gateway.book.orders:
            if order.completed and trading_date(order.completed) >= today:
                future = gateway.futures.by_id(order.con_id)
                time = server_time(order.completed, gateway.settings.time_zone)
                message = order.completed_order(future, gateway.account.id, time)
                session.send("CompletedOrder", **message)
    session.send("CompletedOrdersEnd")


def executions(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer the executions since midnight that the filter lets through, with their commissions."""
    req_id, wanted = body["reqId"], body.get("executionFilter", {})
    since = midnight(gateway.now(), gateway.settings.time_zone)
    if wanted.get("time"):
        since = max(since, parse(wanted["time"]))
    if not gateway.faults.take(gateway.faults.empty, "ExecutionRequest"):
        for execution in gateway.account.executions:
            future = gateway.futures.by_id(execution.con_id)
            side = "BUY" if execution.is_buy else "SELL"
            passes = (
                execution.time >= since
                and not execution.lost
                and wanted.get("clientId", 0) in (0, execution.client_id)
                and wanted.get("acctCode", "") in ("", gateway.account.id)
                and wanted.get("symbol", "") in ("", future.root)
                and wanted.get("secType", "") in ("", "FUT")
                and wanted.get("exchange", "") in ("", "CME")
                and wanted.get("side", "") in ("", side)
            )
            if passes:
                session.send("ExecutionDetails", **gateway.execution_details(execution, req_id))
                if gateway.faults.commission != "never":
                    session.send("CommissionAndFeesReport", **execution.report())
    session.send("ExecutionDetailsEnd", reqId=req_id)


def next_id(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.send("NextValidId", orderId=gateway.next_order_id)


def _modify(gateway: Gateway, order: GatewayOrder, fields: Body) -> None:
    if gateway.faults.incarnations:
        old = msgspec.structs.replace(order, fields=copy.deepcopy(order.fields), hidden=True)
        gateway.book.keep_incarnation(old)
        order.perm_id = gateway.new_perm_id()
    gateway.book.modify(order, fields, gateway.now())


def _short_of_margin(gateway: Gateway, order: GatewayOrder) -> tuple[int, str] | None:
    account, future = gateway.account, gateway.futures.by_id(order.con_id)
    signed = order.quantity if order.is_buy else -order.quantity
    held = account.net(order.con_id)
    added = abs(held + signed) - abs(held)
    net = account.net_liquidation(gateway.mark)
    needed = account.margin() + added * future.margin
    if added <= 0 or needed <= net:
        return None
    return 201, (
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED "
        f"POSITION YOUR EQUITY WITH LOAN VALUE [{net:.2f} USD] MUST EXCEED THE INITIAL MARGIN "
        f"[{needed:.2f} USD]"
    )


def _send_open(
    gateway: Gateway, session: ClientSession, request: str, client_id: int | None
) -> None:
    if not gateway.faults.take(gateway.faults.empty, request):
        for order in gateway.book.open_orders():
            if client_id in (None, order.client_id):
                session.send("OpenOrder", **gateway.open_order(order))
                session.send("OrderStatus", **order.order_status())
    session.send("OpenOrdersEnd")


HANDLERS: dict[str, Handler] = {
    "PlaceOrderRequest": place_order,
    "CancelOrderRequest": cancel_order,
    "GlobalCancelRequest": cancel_everything,
    "OpenOrdersRequest": open_orders,
    "AllOpenOrdersRequest": all_open_orders,
    "AutoOpenOrdersRequest": auto_open_orders,
    "CompletedOrdersRequest": completed_orders,
    "ExecutionRequest": executions,
    "IdsRequest": next_id,
}
