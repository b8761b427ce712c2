"""A `LiveNode` with Nautilus' real Interactive Brokers adapter, driven by lines of JSON.

Runs as a process of its own. Commands come on stdin, one a line; every event of the strategy goes
to stdout. Roles name orders: `entry`, `stop`, `target`.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from typing import Any

from nautilus_trader.adapters.interactive_brokers import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersDataClientFactory,
    InteractiveBrokersExecutionClientConfig,
    InteractiveBrokersExecutionClientFactory,
    InteractiveBrokersInstrumentProviderConfig,
    MarketDataType,
)
from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.core import UUID4
from nautilus_trader.live import (
    LiveExecutionEngineConfig,
    LiveNode,
    RoutingConfig,
    SubmissionRecoveryPolicy,
)
from nautilus_trader.model import (
    BarType,
    ClientOrderId,
    ContingencyType,
    InstrumentId,
    LimitOrder,
    MarketOrder,
    OrderListId,
    OrderSide,
    Price,
    Quantity,
    StopMarketOrder,
    StrategyId,
    TimeInForce,
    TraderId,
    TriggerType,
)
from nautilus_trader.trading import Strategy, StrategyConfig

from qe_plugins.engine.broker.ib_settings import STRATEGY, BrokerAddress, node_builder

SPEC: dict[str, Any] = {
    "instrument": "MESZ6.CME",
    "account": "DU1234567",
    "data_id": 11,
    "exec_id": 21,
    "claims": True,
    "policy": "RETAIN_UNRESOLVED",
    "engine": {},
    "bars": [],
    "seconds_to_connect": 30,
    "data_type": "REALTIME",
    "log": "OFF",
    "run": "1",
    "ours": False,
}
ROLES = {"1": "entry", "2": "stop", "3": "target"}
OUTSIDE = 'IBOrderTags:{"outsideRth":true,"ocaGroup":"%s","ocaType":1}'
EVENTS = (
    *("submitted", "accepted", "filled", "canceled", "rejected", "denied", "updated", "expired"),
    *("modify_rejected", "cancel_rejected", "triggered"),
)

commands: queue.Queue[dict[str, Any]] = queue.Queue()
_out = threading.Lock()


def tell(kind: str, **fields: object) -> None:
    """Write an event."""
    with _out:
        print(json.dumps({"event": kind, "at": time.time(), **fields}, default=str), flush=True)


class Driven(Strategy):
    """Does what it is told, and tells what happens to it."""

    def __init__(self, config: StrategyConfig) -> None:
        self.quotes = 0
        self.instrument = InstrumentId.from_str(SPEC["instrument"])

    def on_start(self) -> None:
        found = self.cache.instrument(self.instrument)
        tell("started", instrument=str(found), expires=getattr(found, "expiration_ns", 0))
        self.snapshot()
        self.subscribe_quotes(self.instrument)
        for spec in SPEC["bars"]:
            self.subscribe_bars(BarType.from_str(f"{self.instrument}-{spec}-LAST-EXTERNAL"))
        self.clock.set_timer_ns("commands", 10_000_000, None, None, self.on_commands)

    def on_quote(self, quote: Any) -> None:
        self.quotes += 1
        if self.quotes == 1:
            tell("quote", bid=quote.bid_price, ask=quote.ask_price)

    def on_bar(self, bar: Any) -> None:
        tell("bar", type=bar.bar_type, close_ns=bar.ts_event, close=bar.close, volume=bar.volume)

    def on_historical_bars(self, bars: Any) -> None:
        tell("history", closes=[bar.ts_event for bar in bars])

    def on_commands(self, event: Any) -> None:
        while not commands.empty():
            command = commands.get()
            try:
                getattr(self, command.pop("do"))(**command)
            except Exception as error:
                tell("failed", error=repr(error))

    def snapshot(self, mark: str = "") -> None:
        orders = [
            {"role": role(o.client_order_id), "status": str(o.status).split(".")[-1]}
            | {"strategy": str(o.strategy_id), "open": o.is_open, "closed": o.is_closed}
            | {"quantity": str(o.quantity), "stop": str(getattr(o, "trigger_price", ""))}
            for o in self.cache.orders()
        ]
        positions = [
            {"strategy": str(p.strategy_id), "net": float(p.signed_qty), "open": p.is_open}
            for p in self.cache.positions()
        ]
        net = float(str(self.portfolio.net_position(self.instrument)))
        tell("snapshot", mark=mark, net=net, orders=orders, positions=positions, quotes=self.quotes)

    def bracket(self, stop: float, target: float, quantity: int = 1) -> None:
        now = self.clock.timestamp_ns()
        group = OrderListId(f"OL-{SPEC['run']}-{now}")
        ids = [ClientOrderId(f"B-{SPEC['run']}-{now}-{n}") for n in (1, 2, 3)]
        common: dict[str, Any] = {
            "trader_id": TraderId.from_str("TESTER-001"),
            "strategy_id": self.strategy_id,
            "instrument_id": self.instrument,
            "quantity": Quantity.from_int(quantity),
            "ts_init": now,
            "time_in_force": TimeInForce.GTC,
            "reduce_only": False,
            "quote_quantity": False,
            "order_list_id": group,
        }
        exits: dict[str, Any] = {
            "order_side": OrderSide.SELL,
            "contingency_type": ContingencyType.OUO,
            "parent_order_id": ids[0],
            "tags": [OUTSIDE % group],
        }
        entry = MarketOrder(
            client_order_id=ids[0],
            order_side=OrderSide.BUY,
            contingency_type=ContingencyType.OTO,
            linked_order_ids=ids[1:],
            init_id=UUID4(),
            **common,
        )
        stop_order = StopMarketOrder(
            client_order_id=ids[1],
            trigger_price=Price(stop, 2),
            trigger_type=TriggerType.DEFAULT,
            linked_order_ids=[ids[2]],
            init_id=UUID4(),
            **exits,
            **common,
        )
        target_order = LimitOrder(
            client_order_id=ids[2],
            price=Price(target, 2),
            post_only=False,
            linked_order_ids=[ids[1]],
            init_id=UUID4(),
            **exits,
            **common,
        )
        self.submit_order_list([entry, stop_order, target_order])

    def market(self, side: str = "BUY", quantity: int = 1) -> None:
        size = Quantity.from_int(quantity)
        self.submit_order(
            self.order_factory.market(self.instrument, OrderSide.from_str(side), size)
        )

    def limit(self, price: float, side: str = "BUY") -> None:
        size = Quantity.from_int(1)
        order = self.order_factory.limit(
            self.instrument, OrderSide.from_str(side), size, Price(price, 2)
        )
        self.submit_order(order)

    def cancel(self, role: str) -> None:
        self.cancel_order(self.newest(role).client_order_id)

    def modify(self, role: str, price: float) -> None:
        order = self.newest(role)
        name = "trigger_price" if role == "stop" else "price"
        self.modify_order(order.client_order_id, **{name: Price(price, 2)})

    def close_all(self) -> None:
        self.close_all_positions(self.instrument)

    def exit_market(self) -> None:
        self.market_exit()

    def factory_bracket(self) -> None:
        orders = self.order_factory.bracket(
            instrument_id=self.instrument,
            order_side=OrderSide.BUY,
            quantity=Quantity.from_int(1),
            sl_trigger_price=Price(6490.0, 2),
            tp_price=Price(6515.0, 2),
        )
        self.submit_order_list(orders)

    def history(self, minutes: int) -> None:
        from datetime import UTC, datetime, timedelta

        start = datetime.now(UTC) - timedelta(minutes=minutes)
        kind = BarType.from_str(f"{self.instrument}-1-MINUTE-LAST-EXTERNAL")
        self.request_bars(kind, start=start)

    def newest(self, wanted: str) -> Any:
        return [o for o in self.cache.orders() if role(o.client_order_id) == wanted][-1]

    def heard(self, kind: str, event: Any) -> None:
        tell(
            kind,
            role=role(event.client_order_id),
            reason=getattr(event, "reason", ""),
            price=getattr(event, "last_px", ""),
            trade=getattr(event, "trade_id", ""),
            commission=getattr(event, "commission", ""),
            reconciled=bool(getattr(event, "reconciliation", False)),
        )


for _kind in EVENTS:
    setattr(Driven, f"on_order_{_kind}", lambda self, event, kind=_kind: self.heard(kind, event))


def role(order_id: object) -> str:
    """Return what an order is for: the suffix of its id."""
    return (
        ROLES.get(str(order_id).rpartition("-")[2], str(order_id))
        if (str(order_id).startswith("B-"))
        else str(order_id)
    )


def build_ours() -> LiveNode:
    """Return the node with the settings of a live session."""
    broker = BrokerAddress(SPEC["account"], SPEC["port"])
    builder = node_builder("N", "TESTER-001", broker, [SPEC["instrument"]])
    level = getattr(LogLevel, SPEC["log"])
    return builder.with_logging(LoggerConfig(stdout_level=level, is_colored=False)).build()


def build() -> LiveNode:
    """Return the node, its clients not yet connected."""
    if SPEC["ours"]:
        return build_ours()
    provider = InteractiveBrokersInstrumentProviderConfig(
        load_ids={InstrumentId.from_str(SPEC["instrument"])}
    )
    engine = {
        "reconciliation": True,
        "reconciliation_startup_delay_secs": 0.1,
        "open_check_interval_secs": 1.0,
        "open_check_open_only": False,
        "position_check_interval_secs": 1.0,
        "submission_recovery_policy": getattr(SubmissionRecoveryPolicy, SPEC["policy"]),
    } | SPEC["engine"]
    address = {"host": "127.0.0.1", "port": SPEC["port"], "instrument_provider": provider}
    level = getattr(LogLevel, SPEC["log"])
    builder = (
        LiveNode.builder("N", TraderId.from_str("TESTER-001"), Environment.LIVE)
        .with_logging(LoggerConfig(stdout_level=level, is_colored=False))
        .with_reconciliation(True)
        .with_delay_post_stop_secs(1)
        .with_timeout_connection(SPEC["seconds_to_connect"])
        .with_exec_engine_config(LiveExecutionEngineConfig(**engine))
        .add_data_client(
            None,
            InteractiveBrokersDataClientFactory(),
            InteractiveBrokersDataClientConfig(
                client_id=SPEC["data_id"],
                use_regular_trading_hours=False,
                handle_revised_bars=False,
                market_data_type=getattr(MarketDataType, SPEC["data_type"]),
                request_timeout=5,
                connection_timeout=5,
                **address,
            ),
            RoutingConfig(default=True),
        )
        .add_exec_client(
            None,
            InteractiveBrokersExecutionClientFactory(),
            InteractiveBrokersExecutionClientConfig(
                client_id=SPEC["exec_id"],
                account_id=SPEC["account"],
                request_timeout=5,
                connection_timeout=5,
                **address,
            ),
            RoutingConfig(default=True),
        )
    )
    return builder.build()


def main() -> None:
    SPEC.update(json.loads(sys.argv[1]))
    node = build()
    claims = {"external_order_instrument_ids": [InstrumentId.from_str(SPEC["instrument"])]}
    config = StrategyConfig(
        strategy_id=StrategyId.from_str("S-001"),
        order_id_tag="001",
        **(STRATEGY if SPEC["ours"] else {}),
        **(claims if SPEC["claims"] else {}),
    )
    node.add_strategy(Driven(config))
    handle = node.handle()

    def read() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        handle.stop()

    threading.Thread(target=read, daemon=True).start()
    try:
        node.run()
    except BaseException as error:
        tell("ended", error=repr(error))
        raise SystemExit(1) from None
    tell("ended", error="")


if __name__ == "__main__":
    main()
