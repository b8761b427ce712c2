"""A LiveNode with Nautilus' sandbox as the venue, and bars that a test feeds it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from nautilus_trader.adapters.sandbox import (
    SandboxExecutionClientConfig,
    SandboxExecutionClientFactory,
)
from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.config import DataClientConfig
from nautilus_trader.live import LiveNode, RoutingConfig
from nautilus_trader.live.clients import DataClientFactory, MarketDataClient
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    Currency,
    Money,
    OmsType,
    Price,
    Quantity,
    TraderId,
    Venue,
)

from qe_plugins.config.loader import load
from qe_plugins.engine.contracts.instruments import fee_model, without_margins
from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.engine.recording.session_recorder import SessionRecorder
from qe_plugins.engine.running.prepare import PreparedRun, prepare
from tests.engine.recording.sinks import MemorySink


def committed(sink: MemorySink | None = None, **more: Any) -> SessionRecorder:
    """Return a recorder that commits to a journal in memory."""
    return SessionRecorder(FactWriter(sink or MemorySink(), "run-1"), **more)


class Feed(MarketDataClient):
    """Sends `records` once bars are subscribed to; the test stops the node."""

    contracts: Iterable[Any] = ()
    records: Callable[[Feed], Any]

    async def _connect(self) -> None:
        for contract in self.contracts:
            self._handle_instrument(contract)

    async def _disconnect(self) -> None:
        pass

    async def _subscribe_instrument(self, command: Any) -> None:
        pass

    async def _subscribe_bars(self, command: Any) -> None:
        if not self._fed:
            type(self)._fed = True
            self.create_task(type(self).records(self), "feed")

    async def _unsubscribe_bars(self, command: Any) -> None:
        pass

    _fed = False


def sandbox_node(prepared: PreparedRun, records: Callable[[Any], Any]) -> LiveNode:
    """Return a node whose data client runs the coroutine function `records` with itself."""
    contracts = [without_margins(one) for one in prepared.tape.contracts]
    feed = type("Feed", (Feed,), {"contracts": contracts, "records": records, "_fed": False})

    class Factory(DataClientFactory):
        @staticmethod
        def create(*, name: str, config: Any, cache: Any, clock: Any) -> Any:
            return feed(name=name, config=config, cache=cache, clock=clock, venue=Venue("XCME"))

    routing = RoutingConfig(default=True)
    builder = LiveNode.builder("TEST", TraderId.from_str("DESK-001"), Environment.SANDBOX)
    builder = builder.with_logging(LoggerConfig(stdout_level=LogLevel.ERROR, is_colored=False))
    builder = builder.with_delay_post_stop_secs(0).with_reconciliation(False)
    builder = builder.add_data_client("FEED", Factory, DataClientConfig(routing=routing), routing)
    return builder.add_simulated_exec_client(
        None,
        SandboxExecutionClientFactory(),
        SandboxExecutionClientConfig(
            venue=Venue("XCME"),
            starting_balances=[Money.from_str("100000 USD")],
            base_currency=Currency.from_str("USD"),
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            bar_execution=True,
            reject_stop_orders=False,
            fee_model=fee_model(prepared.terms, "USD"),
        ),
    ).build()


def run_node(node: LiveNode, seconds: float = 240.0) -> None:
    """Run a node until its data client stops it, or for so many seconds at most."""
    handle = node.handle()
    limit = threading.Timer(seconds, handle.stop)
    limit.start()
    try:
        node.run()
    finally:
        limit.cancel()


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition in the node's own loop."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.005)


def today(tmp_path: Path, **more: Any) -> PreparedRun:
    """Return a run of a contract that has not expired, for bars that are made at this moment."""
    first = datetime.now(UTC).date() + timedelta(days=14)
    config = {
        "name": "a session",
        "data": {"synthetic": {"root": "MES", "start": f"{first}", "sessions": 1, "contracts": 1}},
        "fills": {"rules": "nautilus"},
        "slippage": {"model": "none"},
        "strategies": {},
        **more,
    }
    file = tmp_path / "session.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return prepare(load(file))


class Market:
    """Bars of a contract at this moment, sent by a `Feed`."""

    def __init__(self, client: Any, prepared: PreparedRun) -> None:
        self._client = client
        self.type = BarType.from_str(prepared.tape.bar_types[0])
        self._last = 0

    async def bar(self, close: float, high: float | None = None, low: float | None = None) -> Bar:
        """Send a bar and let everything happen that follows from it."""
        ts = self._last = max(self._client.clock.timestamp_ns(), self._last + 1)
        prices = [close, max(close, high or close), min(close, low or close), close]
        made = Bar(self.type, *(Price(one, 2) for one in prices), Quantity.from_int(100), ts, ts)
        self._client._handle_data(made)
        await asyncio.sleep(0.02)
        return made
