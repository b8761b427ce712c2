"""Random markets and random orders: a run of two dozen contracts around a session's close.

A scenario is built from a seed, the kind of its orders and settings, so that a failure can be run
again. Prices are multiples of a tick around 4750; bars are thin, flat, missing and gapping.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, NamedTuple

import yaml
from nautilus_trader.model import (
    Bar,
    BarType,
    FuturesContract,
    InstrumentId,
    OrderSide,
    OrderType,
    Price,
    Quantity,
    TimeInForce,
    TrailingOffsetType,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run

TICK, SPEC, MINUTE = 0.25, "1-MINUTE-LAST", 60_000_000_000
FIRST = int(datetime(2024, 1, 3, 21, 52, tzinfo=UTC).timestamp()) * 10**9
CLOSE = int(datetime(2024, 1, 3, 22, 0, tzinfo=UTC).timestamp()) * 10**9
OPEN = int(datetime(2024, 1, 3, 23, 0, tzinfo=UTC).timestamp()) * 10**9
CONTRACTS = 12

KINDS = (
    "market",
    "limit",
    "stop_market",
    "stop_limit",
    "market_if_touched",
    "limit_if_touched",
    "trailing_stop_market",
    "market_to_limit",
)
PRICED = {"limit", "stop_limit", "limit_if_touched"}
TRIGGERED = {"stop_market", "stop_limit", "market_if_touched", "limit_if_touched"}


class Candle(NamedTuple):
    """A bar: its close in UTC nanoseconds, prices in ticks, contracts."""

    ts: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class Sent(NamedTuple):
    """An order: the number of the bar it is sent on, and its terms in ticks."""

    bar: int
    kind: str
    buys: bool
    contracts: int
    limit: int
    trigger: int
    tif: str
    expires: int


class Filled(NamedTuple):
    ts: int
    contracts: int
    price: int


class Case(NamedTuple):
    """One contract's bars, its orders, and what filled of each."""

    candles: list[Candle]
    orders: list[Sent]
    fills: list[list[Filled]]


def candles_of(rng: random.Random) -> list[Candle]:
    """Return bars before a close and after the reopening, some minutes missing."""
    minutes = [FIRST + n * MINUTE for n in range(9)] + [OPEN + n * MINUTE for n in range(1, 8)]
    present = [ts for ts in minutes if rng.random() > 0.15]
    candles, price = [], 19_000 + rng.randrange(-8, 9)
    for ts in present:
        first = price if rng.random() < 0.5 else price + rng.randrange(-14, 15)
        last = first if rng.random() < 0.2 else first + rng.randrange(-10, 11)
        spread = 0 if rng.random() < 0.25 else 8
        high = max(first, last) + rng.randrange(spread + 1)
        low = min(first, last) - rng.randrange(spread + 1)
        volume = rng.choice((0, 1, 2, 3, 4, 9, 100, 100, 100, 4_000))
        candles.append(Candle(ts, first, high, low, last, volume))
        price = last
    return candles


def orders_of(rng: random.Random, kind: str, candles: list[Candle]) -> list[Sent]:
    """Return orders on random bars, on either side of the market."""
    orders = []
    for _ in range(1 if kind == "bracket" else 5):  # exits of two brackets would net
        bar = rng.randrange(len(candles) - 1)
        at, buys = candles[bar].close, rng.random() < 0.5
        trigger = at + rng.randrange(-9, 10)
        beyond = rng.randrange(0 if kind == "limit_if_touched" else -3, 8)
        near = trigger if kind in TRIGGERED else at
        limit = near + (beyond if buys else -beyond)
        tif = rng.choice(("GTC", "GTC", "DAY", "GTD")) if kind not in ("market",) else "GTC"
        expires = candles[bar].ts + rng.randrange(1, 6) * MINUTE if tif == "GTD" else 0
        contracts = rng.choice((1, 1, 1, 30))
        orders.append(Sent(bar, kind, buys, contracts, limit, trigger, tif, expires))
    return sorted(orders, key=lambda one: one.bar)


class Sender(Strategy):
    """Sends each contract's orders as its bars close; remembers which order is which."""

    plans: ClassVar[dict[str, list[Sent]]] = {}
    seen: ClassVar[dict[str, tuple[str, int]]] = {}
    naked: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.bars: dict[str, int] = dict.fromkeys(self.plans, -1)

    def on_start(self) -> None:
        for name in self.plans:
            self.subscribe_bars(BarType.from_str(f"{name}-{SPEC}-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        name = str(bar.bar_type.instrument_id)
        self.bars[name] += 1
        for number, sent in enumerate(self.plans[name]):
            if sent.bar == self.bars[name]:
                contract = bar.bar_type.instrument_id
                if sent.kind == "bracket":
                    self.submit_order_list(self._bracket(contract, sent, (name, number)))
                    continue
                order = self._order(contract, sent)
                self.seen[order.client_order_id.value] = (name, number)
                self.submit_order(order)
        self.check_cover()

    def check_cover(self) -> None:
        """Note every position that its stops do not cover."""
        for position in self.cache.positions_open(strategy_id=self.strategy_id):
            stops = [
                order
                for order in self.cache.orders_open(instrument_id=position.instrument_id)
                if order.order_type == OrderType.STOP_MARKET and order.is_buy == position.is_short
            ]
            covered = sum(int(order.leaves_qty.as_double()) for order in stops)
            if covered < position.quantity.as_double():
                self.naked.append((str(position.instrument_id), self.clock.timestamp_ns()))

    def _bracket(self, contract: InstrumentId, sent: Sent, place: tuple[str, int]) -> list[Any]:
        away = 9 if sent.buys else -9
        orders = self.order_factory.bracket(
            contract,
            OrderSide.BUY if sent.buys else OrderSide.SELL,
            Quantity.from_int(sent.contracts),
            entry_order_type=OrderType.LIMIT if sent.limit % 2 else OrderType.MARKET,
            entry_price=points(sent.limit) if sent.limit % 2 else None,
            sl_trigger_price=points(min(sent.limit, sent.trigger) - away)
            if sent.buys
            else points(max(sent.limit, sent.trigger) - away),
            tp_price=points(sent.limit + away),
            tp_post_only=False,
        )
        orders = list(getattr(orders, "orders", orders))
        self.seen.update({order.client_order_id.value: place for order in orders})
        return orders

    def _order(self, contract: InstrumentId, sent: Sent) -> Any:
        more: dict[str, Any] = {"time_in_force": TimeInForce.from_str(sent.tif)}
        if sent.expires:
            more["expire_time"] = sent.expires
        if sent.kind in PRICED:
            more["price"] = points(sent.limit)
        if sent.kind in TRIGGERED:
            more["trigger_price"] = points(sent.trigger)
        if sent.kind == "trailing_stop_market":
            more["trailing_offset"] = 6 * points(1).as_decimal()
            more["trailing_offset_type"] = TrailingOffsetType.PRICE
        side = OrderSide.BUY if sent.buys else OrderSide.SELL
        make = getattr(self.order_factory, sent.kind)
        return make(contract, side, Quantity.from_int(sent.contracts), **more)


def points(ticks: int) -> Price:
    return Price(ticks * TICK, 2)


@cache
def contract() -> FuturesContract:
    from qe_plugins.testing import market

    contract: FuturesContract = market.qe_contract.__wrapped__()
    return contract


@cache
def scenario(
    seed: int,
    kind: str,
    *,
    chunk: int = 20_000,
    up: int = 0,
    until: int = 2**62,
    thick: bool = False,
    contracts: int = CONTRACTS,
    settings: str = "{}",
) -> list[Case]:
    """Run a scenario and return its cases.

    `up` moves every price by ticks, `until` (UTC nanoseconds) leaves out what closes later,
    `thick` gives thin bars volume, `contracts` leaves the last ones out.
    """
    names, plans, tables = [], {}, {}
    for n in range(CONTRACTS):
        rng = random.Random(f"{seed}-{kind}-{n}")
        candles = candles_of(rng)
        orders = orders_of(rng, kind, candles)
        if n < contracts:
            name = f"MES{chr(65 + n // 26)}{chr(65 + n % 26)}.XCME"
            names.append(name)
            tables[name] = [moved(one, up, thick) for one in candles if one.ts <= until]
            plans[name] = [
                one._replace(limit=one.limit + up, trigger=one.trigger + up) for one in orders
            ]
    return _cases(tables, plans, _outcome(tables, plans, chunk, settings))


def moved(candle: Candle, up: int, thick: bool) -> Candle:
    volume = max(candle.volume, 4) if thick else candle.volume
    prices = (price + up for price in candle[1:5])
    return Candle(candle.ts, *prices, volume)


def _outcome(
    tables: dict[str, list[Candle]], plans: dict[str, list[Sent]], chunk: int, settings: str
) -> Any:
    folder = Path(mkdtemp())
    catalog = ParquetDataCatalog(str(folder))
    fields = contract().to_dict()
    catalog.write_instruments(
        [
            FuturesContract.from_dict(fields | {"id": n, "raw_symbol": n.partition(".")[0]})
            for n in tables
        ]
    )
    for name, candles in tables.items():
        catalog.write_bars([_bar(name, candle) for candle in candles])
    config = {
        "name": "scenario",
        "data": {"catalog": str(folder), "chunk_size": max(chunk, 1_000)},
        "strategies": {"sender": {"path": "tests.engine.simulation.scenarios:Sender"}},
        "contracts": {"MES": {"margin_init": 20, "margin_maint": 18, "fee": 0}},
        "nautilus": {"venue": {"starting_balances": ["1_000_000_000 USD"]}},
        **yaml.safe_load(settings),
    }
    file = folder / "scenario.yaml"
    file.write_text(yaml.safe_dump(config))
    Sender.plans, Sender.seen = plans, {}
    Sender.naked.clear()
    loaded = load(file)
    return run(loaded)


def _bar(name: str, candle: Candle) -> Bar:
    prices = [points(ticks) for ticks in candle[1:5]]
    volume = Quantity.from_int(candle.volume)
    kind = BarType.from_str(f"{name}-{SPEC}-EXTERNAL")
    return Bar(kind, *prices, volume, candle.ts, candle.ts)


def _cases(
    tables: dict[str, list[Candle]], plans: dict[str, list[Sent]], outcome: Any
) -> list[Case]:
    cases = {n: Case(tables[n], plans[n], [[] for _ in plans[n]]) for n in tables}
    for row in outcome.fills.iter_rows(named=True):
        name, number = Sender.seen[row["client_order_id"]]
        ts = int(row["ts"].timestamp()) * 10**9
        filled = Filled(ts, int(row["quantity"]), round(row["price"] / TICK))
        cases[name].fills[number].append(filled)
    return list(cases.values())
