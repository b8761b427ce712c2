"""Requests for the connection and the account: start, time, figures, positions, profit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qe_plugins.testing.tws.faults import text_of
from qe_plugins.testing.tws.sessions import ClientSession
from qe_plugins.testing.tws.wire.messages import Body

if TYPE_CHECKING:
    from qe_plugins.testing.tws.gateway import Gateway, Handler

TAKEN = "Unable to connect as the client id is already in use. Retry with a unique client id."
WELCOME = (2104, 2106, 2158)
FARM_BROKEN = (2103, 2105)


def start_api(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Begin the client's session: accounts, next id, notices; 326 if its id is in use."""
    client_id = int(body.get("clientId", 0))
    session.client_id = client_id
    used = {one.client_id for one in gateway.started()} | gateway.faults.taken_ids
    if client_id in used:
        session.error(326, TAKEN)
        session.close()
        return
    session.is_started = True
    session.send("ManagedAccounts", accountsList=gateway.account.id)
    if gateway.faults.next_id_after:
        gateway.timetable.after(
            gateway.faults.next_id_after, lambda: _send_next_id(gateway, session)
        )
    else:
        _send_next_id(gateway, session)
    for code in WELCOME:
        session.error(code, text_of(code))
    if not gateway.faults.is_connected:
        session.error(1100, text_of(1100))
    elif not gateway.faults.farm_is_up:
        for code in FARM_BROKEN:
            session.error(code, text_of(code))
    if gateway.faults.repeat_executions:
        for execution in gateway.account.executions:
            if execution.client_id == client_id and not execution.lost:
                gateway.send_execution(session, execution)


def _send_next_id(gateway: Gateway, session: ClientSession) -> None:
    session.send("NextValidId", orderId=gateway.next_order_id)


def managed_accounts(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.send("ManagedAccounts", accountsList=gateway.account.id)


def current_time(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.send("CurrentTime", currentTime=int(gateway.now()))


def current_milliseconds(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.send("CurrentTimeInMillis", currentTimeInMillis=int(gateway.now() * 1000))


def set_log_level(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Accept the level; the gateway keeps everything in its ledger."""


def account_summary(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer the figures that were asked for, and again every 3 minutes."""
    req_id = body["reqId"]
    tags = [one for one in str(body.get("tags", "")).split(",") if one]
    session.summaries[req_id] = tags
    if not gateway.faults.take(gateway.faults.empty, "AccountSummaryRequest"):
        _send_summary(gateway, session, req_id)
    session.send("AccountSummaryEnd", reqId=req_id)


def cancel_account_summary(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.summaries.pop(body["reqId"], None)


def account_data(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer all figures and positions, and again every 3 minutes until unsubscribed."""
    session.wants_account = bool(body.get("subscribe"))
    if session.wants_account:
        if not gateway.faults.take(gateway.faults.empty, "AccountDataRequest"):
            _send_account(gateway, session)
        session.send("AccountDataEnd", accountName=gateway.account.id)


def account_updates_multi(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer all figures once."""
    req_id = body["reqId"]
    for key, value in gateway.account.values(gateway.mark).items():
        session.send(
            "AccountUpdateMulti",
            reqId=req_id,
            account=gateway.account.id,
            modelCode="",
            key=key,
            value=_text(value),
            currency="USD",
        )
    session.send("AccountUpdateMultiEnd", reqId=req_id)


def cancel_account_updates_multi(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """There is nothing to cancel: figures by request are sent once."""


def positions(gateway: Gateway, session: ClientSession, body: Body) -> None:
    """Answer what is held, and every change until cancelled."""
    session.wants_positions = True
    if not gateway.faults.take(gateway.faults.empty, "PositionsRequest"):
        for con_id in gateway.account.positions:
            session.send("Position", **gateway.position(con_id))
    session.send("PositionEnd")


def cancel_positions(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.wants_positions = False


def profit(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.profits[body["reqId"]] = None
    _send_profit(gateway, session, body["reqId"], None)


def profit_of_one(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.profits[body["reqId"]] = int(body["conId"])
    _send_profit(gateway, session, body["reqId"], int(body["conId"]))


def cancel_profit(gateway: Gateway, session: ClientSession, body: Body) -> None:
    session.profits.pop(body["reqId"], None)


def publish(gateway: Gateway) -> None:
    """Send every subscriber the figures of the account, as every 3 minutes."""
    if not gateway.faults.is_connected:
        return
    for session in gateway.started():
        for req_id in session.summaries:
            _send_summary(gateway, session, req_id)
        if session.wants_account:
            _send_account(gateway, session)


def publish_profits(gateway: Gateway) -> None:
    """Send every subscriber the profit, as every second."""
    for session in gateway.started():
        for req_id, con_id in session.profits.items():
            _send_profit(gateway, session, req_id, con_id)


def publish_portfolio(gateway: Gateway, con_id: int) -> None:
    """Send every subscriber of the account what is held of one contract."""
    for session in gateway.started():
        if session.wants_account:
            _send_portfolio(gateway, session, con_id)


def _send_summary(gateway: Gateway, session: ClientSession, req_id: int) -> None:
    figures = gateway.account.values(gateway.mark)
    values = {"AccountType": "INDIVIDUAL"} | {tag: _text(one) for tag, one in figures.items()}
    for tag in session.summaries[req_id]:
        if tag in values:
            session.send(
                "AccountSummary",
                reqId=req_id,
                account=gateway.account.id,
                tag=tag,
                value=values[tag],
                currency="" if tag in ("AccountType", "Cushion") else "USD",
            )


def _send_account(gateway: Gateway, session: ClientSession) -> None:
    account = gateway.account.id
    session.send("AccountValue", key="AccountCode", value=account, currency="", accountName=account)
    for key, value in gateway.account.values(gateway.mark).items():
        currency = "" if key == "Cushion" else "USD"
        session.send(
            "AccountValue", key=key, value=_text(value), currency=currency, accountName=account
        )
    for con_id in gateway.account.positions:
        _send_portfolio(gateway, session, con_id)
    time = datetime.fromtimestamp(gateway.now(), UTC)
    session.send("AccountUpdateTime", timeStamp=f"{time:%H:%M}")


def _send_portfolio(gateway: Gateway, session: ClientSession, con_id: int) -> None:
    future, account = gateway.futures.by_id(con_id), gateway.account
    held = account.positions.get(con_id)
    quantity, cost = (held.quantity, held.cost) if held else (0, 0.0)
    price = gateway.mark(future)
    session.send(
        "PortfolioValue",
        contract=future.contract(),
        position=str(quantity),
        marketPrice=price,
        marketValue=price * quantity * future.multiplier,
        averageCost=cost * future.multiplier,
        unrealizedPNL=(price - cost) * quantity * future.multiplier,
        realizedPNL=account.realized,
        accountName=account.id,
    )


def _send_profit(gateway: Gateway, session: ClientSession, req_id: int, con_id: int | None) -> None:
    account = gateway.account
    open_profit = account.unrealized(gateway.mark)
    figures = {
        "dailyPnL": account.realized + open_profit,
        "unrealizedPnL": open_profit,
        "realizedPnL": account.realized,
    }
    if con_id is None:
        session.send("PnL", reqId=req_id, **figures)
        return
    future = gateway.futures.by_id(con_id)
    quantity = account.net(con_id)
    value = gateway.mark(future) * quantity * future.multiplier
    session.send("PnLSingle", reqId=req_id, position=str(quantity), value=value, **figures)


def _text(value: float) -> str:
    return f"{value:.2f}"


HANDLERS: dict[str, Handler] = {
    "StartApiRequest": start_api,
    "ManagedAccountsRequest": managed_accounts,
    "CurrentTimeRequest": current_time,
    "CurrentTimeInMillisRequest": current_milliseconds,
    "SetServerLogLevelRequest": set_log_level,
    "AccountSummaryRequest": account_summary,
    "CancelAccountSummary": cancel_account_summary,
    "AccountDataRequest": account_data,
    "AccountUpdatesMultiRequest": account_updates_multi,
    "CancelAccountUpdatesMulti": cancel_account_updates_multi,
    "PositionsRequest": positions,
    "CancelPositions": cancel_positions,
    "PnLRequest": profit,
    "CancelPnL": cancel_profit,
    "PnLSingleRequest": profit_of_one,
    "CancelPnLSingle": cancel_profit,
}
