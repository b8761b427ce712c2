"""A strategy of a live session that does what a file of commands says."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.model import (
    BarType,
    ClientOrderId,
    InstrumentId,
    OrderSide,
    OrderType,
    Price,
    Quantity,
)

from qe_plugins import Side, Signal
from qe_plugins.plugins.types import Posture
from strategies._bracket import Bracketed, bracket

EVENTS = ("submitted", "accepted", "filled", "canceled", "rejected", "denied", "modify_rejected")
POLL = 20_000_000


class DrivenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` has the file of `commands`, and gets that of `events`."""

    instrument_id: str
    folder: str
    bars: str = "5-SECOND-LAST"
    contracts: int = 1


class Driven(Bracketed):
    """Reads a command a line; writes an event a line.

    A command with `when_ready` is carried out once the session may take risk.
    """

    def __init__(self, config: DrivenConfig) -> None:
        super().__init__(config)
        self.contract = InstrumentId.from_str(config.instrument_id)
        self.read = 0
        self.later: list[dict[str, Any]] = []
        self.ready = False

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.contract}-{self.config.bars}-EXTERNAL"))
        self.clock.set_timer_ns("COMMANDS", POLL, callback=self.on_poll)

    def tell(self, event: str, **fields: Any) -> None:
        with (Path(self.config.folder) / "events").open("a") as file:
            file.write(
                json.dumps({"event": event, "at": time.time(), **fields}, default=str) + "\n"
            )

    def on_historical_bars(self, bars: Any) -> None:
        self.tell("history", closes=[bar.ts_event for bar in bars], now=self.clock.timestamp_ns())

    def on_bar(self, bar: Any) -> None:
        self.tell("bar", close_ns=bar.ts_event)

    def on_poll(self, _event: Any) -> None:
        quoted = self.cache.quote(self.contract) is not None
        if not self.ready and quoted and not self._run_context.gate.not_ready():
            self.ready = True
            self.tell("ready", net=int(self.net_position(self.contract)))
        file = Path(self.config.folder) / "commands"
        lines = file.read_text().splitlines() if file.exists() else []
        new, self.read = lines[self.read :], len(lines)
        commands, self.later = [*self.later, *map(json.loads, new)], []
        for command in commands:
            if command.get("when_ready") and self._run_context.gate.not_ready():
                self.later.append(command)
                continue
            command.pop("when_ready", None)
            getattr(self, command.pop("do"))(**command)

    def enter(self, stop: float = 5.0, target: float = 15.0, contracts: int = 1) -> None:  # type: ignore[override]
        """Buy with a bracket, `stop` and `target` points from the price."""
        quote: Any = self.cache.quote(self.contract)
        price = Decimal(str(quote.ask_price))
        signal = Signal(
            instrument_id=str(self.contract),
            side=Side.LONG,
            entry=price,
            stop=price - Decimal(str(stop)),
            target=price + Decimal(str(target)),
            reason="a test",
        )
        orders = bracket(self, signal, contracts)
        began = time.time()
        self.submit_order_list(orders)
        self.tell("sent", began=began, took=time.time() - began)

    def rest(self, below: float = 20.0, stop: float = 5.0, contracts: int = 1) -> None:
        """Buy with a bracket whose entry is a limit order, `below` points under the price."""
        quote: Any = self.cache.quote(self.contract)
        price = quote.ask_price.as_decimal() - Decimal(str(below))
        make: Any = self.order_factory
        orders = make.bracket(
            self.contract,
            OrderSide.BUY,
            Quantity.from_int(contracts),
            entry_order_type=OrderType.LIMIT,
            entry_price=Price.from_decimal_dp(price, 2),
            tp_price=Price.from_decimal_dp(price + 15, 2),
            sl_trigger_price=Price.from_decimal_dp(price - Decimal(str(stop)), 2),
        )
        self.submit_order_list(orders)

    def naked(self) -> None:
        """Buy without a stop."""
        self.submit_order(self.order_factory.market(self.contract, OrderSide.BUY, Quantity(1, 0)))

    def close(self, way: str) -> None:
        """Close the position in one of Nautilus' ways, or in the project's."""
        positions = self.cache.positions_open(instrument_id=self.contract)
        match way:
            case "position":
                self.close_position(positions[0])
            case "all":
                self.close_all_positions(self.contract)
            case "exit":
                self.market_exit()
            case "leave":
                self.leave(self.contract)
            case "order":
                sell = self.order_factory.market(self.contract, OrderSide.SELL, Quantity(1, 0))
                self.submit_order(sell)

    def move_stop(self, points: float) -> None:
        """Move the stop that works by some points."""
        [stop] = [o for o in self.working(self.contract) if o.order_type == OrderType.STOP_MARKET]
        trigger = stop.trigger_price.as_decimal() + Decimal(str(points))
        name: ClientOrderId = stop.client_order_id
        self.modify_order(name, trigger_price=Price.from_decimal_dp(trigger, 2))

    def posture(self, lasts: float) -> None:
        """Set the posture that a fleet renews, for so many seconds."""
        until = self.clock.timestamp_ns() + int(lasts * 1e9)
        posture = Posture(reason="calm", valid_until=until, source="fleet")
        self._run_context.gate.set_posture(posture)

    def snapshot(self) -> None:
        self.tell("snapshot", net=int(self.net_position(self.contract)))


def _teller(kind: str) -> Any:
    name = f"on_order_{kind}"

    def call(self: Any, event: Any) -> None:
        order = self.cache.order(event.client_order_id)
        what = order.order_type.name if order is not None else ""
        self.tell(kind, type=what, reason=str(getattr(event, "reason", "")))
        if handler := getattr(Bracketed, name, None):
            handler(self, event)

    return call


for _kind in EVENTS:
    setattr(Driven, f"on_order_{_kind}", _teller(_kind))
