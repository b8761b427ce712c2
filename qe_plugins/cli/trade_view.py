"""Print `qe report --trade`: the fills of one trade, their slippage, and its costs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from qe_plugins.cli.output import echo, print_rows
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.report.figures import formatting

FILLS = (
    "time (Chicago)", "leg", "order", "type", "side", "contracts", "order price", "reference",
    "fill price", "slippage", "fee",
)  # fmt: skip
SETTLED = {
    "settlement": "at the exchange's settlement price",
    "preliminary": "at the exchange's preliminary settlement price",
    "vwap": "at the average price of its future's last 30 seconds",
    "bar": "at the contract's last close, as the data has no settlement price",
}

type TradeReport = dict[str, Any]


def show(report: TradeReport) -> None:
    """Print one trade; `report` is what `trade_report.describe_trade` returns."""
    trade, currency = report["trade"], report["currency"]
    state = "" if trade["closed"] else ", still open"
    size = f"{trade['side'].lower()} {formatting.count(trade['quantity'])} {trade['instrument_id']}"
    echo(f"{trade['id']}: {size}{state}\n{report['run_id']}\n")
    orders = {order["client_order_id"]: order for order in report["orders"]}
    print_rows(FILLS, [_fill_row(fill, orders, trade["precision"]) for fill in report["fills"]])
    echo(f"slippage and fee in {currency}; slippage is positive where the fill was worse\n")
    for roll in report["rolls"]:
        echo(_roll_line(roll, trade, currency))
    for settled in report["settled"]:
        echo(_settled_line(settled))
    echo(_margin_line(report))
    echo(_cost_line(report))


def _fill_row(fill: TradeReport, orders: dict[str, TradeReport], precision: int) -> list[str]:
    order = orders.get(fill["client_order_id"], {})
    order_price = order.get("trigger") if order.get("price") is None else order["price"]
    prices = (order_price, fill["reference"], fill["price"])
    return [
        _clock(fill["ts"]),
        fill["leg"],
        fill["client_order_id"],
        order.get("type", formatting.UNKNOWN),
        fill["side"],
        formatting.count(fill["quantity"]),
        *(formatting.UNKNOWN if price is None else f"{price:.{precision}f}" for price in prices),
        _amount(fill["slippage"]),
        _amount(fill["fee"]),
    ]


def _settled_line(settled: TradeReport) -> str:
    """Return what became of a position at its expiry, and of what price that was decided."""
    if settled.get("outcome"):
        fixed = f"its future was fixed {SETTLED[settled['basis']]} of {settled['day']}"
        return f"expiry: {settled['outcome']}, {fixed}"
    return f"settled: {SETTLED[settled['basis']]} of {settled['day']}"


def _roll_line(roll: TradeReport, trade: TradeReport, currency: str) -> str:
    done = "opened" if roll["after"] == trade["instrument_id"] else "closed"
    cost = f"{formatting.money(roll['cost'])} {currency}" if "cost" in roll else formatting.UNKNOWN
    return (
        f"rolls: {done} by the roll of {_clock(datetime.fromisoformat(roll['at']))} from "
        f"{roll['before']} to {roll['after']} ({roll['reason']}), both legs cost {cost}"
    )


def _margin_line(report: TradeReport) -> str:
    if report["margin"] is None:
        return "peak initial margin: unknown"
    others = "" if report["alone"] else ", other open positions included"
    amount = f"{formatting.money(report['margin'])} {report['currency']}"
    return f"peak initial margin: {amount}{others}"


def _cost_line(report: TradeReport) -> str:
    unknown = report["slippage"] is None
    slippage = "slippage unknown" if unknown else f"slippage {_amount(report['slippage'])}"
    cost = f"{_amount(report['cost'])} {report['currency']}"
    costs = f"costs {cost}: fees {_amount(report['fees'])} + {slippage}"
    if report["net"] is None:
        return f"{costs}, so far"
    ratio = report["cost_share"]
    share = f" (costs are {formatting.share(ratio)} of it)" if ratio is not None else ""
    return (
        f"{costs}\nP&L at reference prices {_amount(report['gross'])}{share},"
        f" net P&L {_amount(report['net'])}"
    )


def _amount(value: float | None) -> str:
    return formatting.UNKNOWN if value is None else formatting.money(value)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(CHICAGO):%Y-%m-%d %H:%M:%S}"
