"""Candle tables: a few bars, orders sent as they close, and the expected fills.

All tables of a group run in one engine, each in a contract of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import yaml
from nautilus_trader.model import (
    Bar,
    BarType,
    FuturesContract,
    InstrumentId,
    OrderInitialized,
    OrderSide,
    OrderType,
    Price,
    Quantity,
    StopMarketOrder,
    TimeInForce,
    TrailingOffsetType,
    TriggerType,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run

START, MINUTE = 1_704_294_000_000_000_000, 60_000_000_000
BARS = "1-MINUTE-LAST"
PRICES = ("price", "trigger_price")

Candle = tuple[float, ...]
"""Open, high, low, close and, where it matters, volume; 100 otherwise."""

Sent = Callable[[Any, InstrumentId], Any]
Fill = tuple[Any, ...]
"""The bar's number, what was done and the price; the quantity in front of it where not one."""


class Table(msgspec.Struct, frozen=True):
    """One sentence, bars numbered from 1, orders by the bar that they are sent on, and fills.

    `ends` are the orders' last states, in the order sent, where fills do not show them. `at` are
    the minutes at which bars close, from 15:00 UTC on, where they do not follow each other.
    """

    says: str
    candles: list[Candle]
    orders: dict[int, list[Sent]]
    fills: list[Fill]
    ends: list[str] = []
    at: list[int] = []

    def close(self, number: int) -> int:
        """Return when a bar closes (UTC nanoseconds); the first is number 0."""
        return START + (self.at[number] if self.at else number) * MINUTE


class Seen(msgspec.Struct, frozen=True):
    fills: list[Fill]
    ends: list[str]


class Scripted(Strategy):
    """Sends what each table says, in the contract of that table, as its bars close."""

    tables: ClassVar[dict[str, Table]] = {}

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.bars: dict[str, int] = dict.fromkeys(self.tables, 0)

    def on_start(self) -> None:
        for name in self.tables:
            self.subscribe_bars(BarType.from_str(f"{name}-{BARS}-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        contract = bar.bar_type.instrument_id
        name = str(contract)
        self.bars[name] += 1
        for send in self.tables[name].orders.get(self.bars[name], ()):
            send(self, contract)


def play(
    folder: Path, contract: FuturesContract, tables: list[Table], settings: dict[str, Any]
) -> dict[str, Seen]:
    """Run the tables of a group under the same settings; return what was seen, by sentence."""
    named = {f"MES{chr(65 + n // 26)}{chr(65 + n % 26)}.XCME": t for n, t in enumerate(tables)}
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([_named(contract, name) for name in named])
    for name, table in named.items():
        bars = [_bar(name, table.close(n), candle) for n, candle in enumerate(table.candles)]
        catalog.write_bars(bars)
    file = folder / "tables.yaml"
    file.write_text(yaml.safe_dump(_config(folder, settings)))
    Scripted.tables = named
    outcome = run(load(file))
    return {table.says: _seen(outcome, name, table) for name, table in named.items()}


def _config(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    venue = {"starting_balances": ["1_000_000_000 USD"], **settings.pop("venue", {})}
    return {
        "name": "tables",
        "data": {"catalog": str(folder)},
        "strategies": {"scripted": {"path": "tests.engine.simulation.desk:Scripted"}},
        "contracts": {"MES": {"margin_init": 2_000, "margin_maint": 1_800, "fee": 0}},
        "nautilus": {"venue": venue},
        **settings,
    }


def _named(contract: FuturesContract, name: str) -> FuturesContract:
    fields = contract.to_dict()
    symbol = name.partition(".")[0]
    return FuturesContract.from_dict(fields | {"id": name, "raw_symbol": symbol})


def _bar(name: str, ts: int, candle: Candle) -> Bar:
    prices = [Price(value, 2) for value in candle[:4]]
    volume = Quantity.from_int(int(candle[4]) if len(candle) > 4 else 100)
    return Bar(BarType.from_str(f"{name}-{BARS}-EXTERNAL"), *prices, volume, ts, ts)


def _seen(outcome: Any, name: str, table: Table) -> Seen:
    fills = outcome.fills.filter(outcome.fills["instrument_id"] == name)
    orders = outcome.orders.filter(outcome.orders["instrument_id"] == name)
    closes = {table.close(n): n + 1 for n in range(len(table.candles))}
    numbers = [closes.get(ts // 1_000 * 1_000) for ts in fills["ts"].cast(int)]
    rows = zip(numbers, fills["side"], fills["quantity"], fills["price"], strict=True)
    short = [(n, s, p) if q == 1 else (n, int(q), s, p) for n, s, q, p in rows]
    return Seen(short, orders["status"].to_list())


def market(side: str, contracts: int = 1, *, tif: str = "GTC") -> Sent:
    def send(desk: Any, contract: InstrumentId) -> None:
        order = desk.order_factory.market(
            contract, SIDES[side], Quantity.from_int(contracts), TimeInForce.from_str(tif)
        )
        desk.submit_order(order)

    return send


def _priced(kind: str, side: str, contracts: int, **prices: Any) -> Sent:
    def send(desk: Any, contract: InstrumentId) -> None:
        make = getattr(desk.order_factory, kind)
        given = {k: Price(v, 2) if k in PRICES else v for k, v in prices.items()}
        desk.submit_order(make(contract, SIDES[side], Quantity.from_int(contracts), **given))

    return send


def limit(
    side: str, price: float, contracts: int = 1, *, tif: str = "GTC", until: int | None = None
) -> Sent:
    """Return a limit order; `until` is the minute, from 15:00 UTC on, at which it ends."""
    more: dict[str, Any] = {"time_in_force": TimeInForce.from_str(tif)}
    if until is not None:
        more |= {"time_in_force": TimeInForce.GTD, "expire_time": START + until * MINUTE}
    return _priced("limit", side, contracts, price=price, **more)


def stop(side: str, trigger: float, contracts: int = 1, **more: Any) -> Sent:
    return _priced("stop_market", side, contracts, trigger_price=trigger, **more)


def stop_limit(side: str, trigger: float, price: float) -> Sent:
    return _priced("stop_limit", side, 1, price=price, trigger_price=trigger)


def touched(side: str, trigger: float) -> Sent:
    return _priced("market_if_touched", side, 1, trigger_price=trigger)


def limit_touched(side: str, trigger: float, price: float) -> Sent:
    return _priced("limit_if_touched", side, 1, price=price, trigger_price=trigger)


def trailing(side: str, trigger: float | None, points: str) -> Sent:
    offset = {"trailing_offset": Decimal(points), "trailing_offset_type": TrailingOffsetType.PRICE}
    more = {} if trigger is None else {"trigger_price": trigger}
    return _priced("trailing_stop_market", side, 1, **more, **offset)


def bracket(side: str, stop: float, target: float, entry: float | None = None) -> Sent:
    """Enter at market, or at a limit where `entry` is given, with a stop and a target."""

    def send(desk: Any, contract: InstrumentId) -> None:
        kind = OrderType.MARKET if entry is None else OrderType.LIMIT
        orders = desk.order_factory.bracket(
            contract,
            SIDES[side],
            Quantity.from_int(1),
            entry_order_type=kind,
            entry_price=None if entry is None else Price(entry, 2),
            sl_trigger_price=Price(stop, 2),
            tp_price=Price(target, 2),
            tp_post_only=False,
        )
        desk.submit_order_list(orders)

    return send


def stop_bracket(side: str, trigger: float, stop: float, target: float) -> Sent:
    """Enter at a stop, which Nautilus' own bracket does not offer, with a stop and a target."""

    def send(desk: Any, contract: InstrumentId) -> None:
        entry, *exits = desk.order_factory.bracket(
            contract,
            SIDES[side],
            Quantity.from_int(1),
            entry_order_type=OrderType.LIMIT,
            entry_price=Price(trigger, 2),
            sl_trigger_price=Price(stop, 2),
            tp_price=Price(target, 2),
            tp_post_only=False,
        )
        names = inspect.signature(OrderInitialized).parameters
        fields = {name: getattr(entry.init_event, name) for name in names}
        fields |= {"order_type": OrderType.STOP_MARKET, "price": None}
        fields |= {"trigger_price": Price(trigger, 2), "trigger_type": TriggerType.DEFAULT}
        stop_entry = StopMarketOrder.create(OrderInitialized(**fields))
        desk.submit_order_list([stop_entry, *exits])

    return send


def later(seconds: float, send: Sent) -> Sent:
    """Send an order from a timer, so long after the bar."""

    def start(desk: Any, contract: InstrumentId) -> None:
        at = desk.clock.timestamp_ns() + int(seconds * 1e9)
        name = f"{contract}-{at}"
        desk.clock.set_time_alert_ns(name, at, lambda _event: send(desk, contract))

    return start


def moved_stop(number: int, trigger: float) -> Sent:
    """Change the trigger of the contract's order with a number, counted from 1."""

    def change(desk: Any, contract: InstrumentId) -> None:
        orders = [o for o in desk.cache.orders() if o.instrument_id == contract]
        orders.sort(key=lambda order: (order.ts_init, order.client_order_id.value))
        desk.modify_order(orders[number - 1].client_order_id, trigger_price=Price(trigger, 2))

    return change


def close_all() -> Sent:
    """Close the strategy's position by the engine's own method."""
    return lambda desk, contract: desk.close_all_positions(contract)


SIDES = {"buy": OrderSide.BUY, "sell": OrderSide.SELL}
