"""How `qe report --trade` is printed: what was done, at what price, and what it really cost."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from qe_plugins.cli.output import echo, print_rows
from qe_plugins.report.figures import formatting

CHICAGO = ZoneInfo("America/Chicago")
FILLS = (
    "time (Chicago)", "leg", "order", "type", "side", "contracts", "asked", "expected", "filled",
    "slippage", "fee",
)  # fmt: skip
SETTLED = {
    "settlement": "at the exchange's settlement price",
    "preliminary": "at the exchange's preliminary settlement price",
    "bar": "at the contract's last close, as the data has no settlement price",
}

type Told = dict[str, Any]


def show(told: Told) -> None:
    """Print one trade as `report.trade.told` tells it."""
    trade, currency = told["trade"], told["currency"]
    state = "" if trade["closed"] else ", still open"
    size = f"{trade['side'].lower()} {formatting.count(trade['quantity'])} {trade['instrument_id']}"
    echo(f"{trade['id']}: {size}{state}\n{told['run_id']}\n")
    orders = {order["client_order_id"]: order for order in told["orders"]}
    print_rows(FILLS, [_fill(fill, orders, trade["precision"]) for fill in told["fills"]])
    echo("slippage and fee in currency, slippage positive where the fill was worse\n")
    for roll in told["rolls"]:
        echo(_roll(roll, trade, currency))
    for settled in told["settled"]:
        echo(f"settled: {SETTLED[settled['basis']]} of {settled['day']}")
    echo(_margin(told))
    echo(_cost(told))


def _fill(fill: Told, orders: dict[str, Told], precision: int) -> list[str]:
    order = orders.get(fill["client_order_id"], {})
    asked = order.get("trigger") if order.get("price") is None else order["price"]
    prices = (asked, fill["reference"], fill["price"])
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


def _roll(roll: Told, trade: Told, currency: str) -> str:
    done = "opened" if roll["after"] == trade["instrument_id"] else "closed"
    cost = f"{formatting.money(roll['cost'])} {currency}" if "cost" in roll else formatting.UNKNOWN
    return (
        f"rolls: {done} by the roll of {_clock(datetime.fromisoformat(roll['at']))} from "
        f"{roll['before']} to {roll['after']} ({roll['reason']}), both legs cost {cost}"
    )


def _margin(told: Told) -> str:
    if told["margin"] is None:
        return "margin: unknown"
    others = "" if told["alone"] else ", with what else was open meanwhile"
    return f"margin: {formatting.money(told['margin'])} {told['currency']} at its peak{others}"


def _cost(told: Told) -> str:
    slipped = "an unknown slippage" if told["slippage"] is None else _amount(told["slippage"])
    parts = f"{_amount(told['cost'])} {told['currency']}: fees {_amount(told['fees'])}"
    cost = f"{parts} + {'slippage ' * (told['slippage'] is not None)}{slipped}"
    if told["net"] is None:
        return f"it has cost so far {cost}"
    eaten = f" ({formatting.share(told['cost_share'])})" if told["cost_share"] is not None else ""
    return (
        f"it really cost {cost}; of gross {_amount(told['gross'])}{eaten} there is left"
        f" {_amount(told['net'])} net"
    )


def _amount(value: float | None) -> str:
    return formatting.UNKNOWN if value is None else formatting.money(value)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(CHICAGO):%Y-%m-%d %H:%M:%S}"
