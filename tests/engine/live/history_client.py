"""A data client of a LiveNode that answers `request_bars`, and streams bars when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.config import DataClientConfig
from nautilus_trader.live import BarsResponse, LiveNode, RoutingConfig
from nautilus_trader.live.clients import DataClientFactory, MarketDataClient
from nautilus_trader.model import (
    Bar,
    BarType,
    ClientId,
    FuturesContract,
    Price,
    Quantity,
    TraderId,
    Venue,
)

from qe_plugins.testing.market import micro_future

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def contract() -> FuturesContract:
    """Return a contract of the far future: a node forgets one that has expired."""
    return micro_future("MESH34.XCME", 0, 2_026_000_000 * SECOND)


def bar_of(bar_type: BarType, ts: int, close: int = 4750, length: int = MINUTE) -> Bar:
    price = Price.from_str(f"{close}.00")
    return Bar(bar_type, price, price, price, price, Quantity.from_int(100), ts, ts)


class HistoryClient(MarketDataClient):
    """Answers with `history(now)` after `streamed(now)` came by stream; `silent` never answers."""

    history: ClassVar[Callable[[int], list[Bar]]] = staticmethod(lambda now: [])
    streamed: ClassVar[Callable[[int], list[Bar]]] = staticmethod(lambda now: [])
    later: ClassVar[Callable[[int], list[Bar]]] = staticmethod(lambda now: [])
    silent: ClassVar[bool] = False
    asked: ClassVar[list[Any]] = []
    when_asked: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    when_subscribed: ClassVar[Callable[[], None]] = staticmethod(lambda: None)

    async def _connect(self) -> None:
        self._handle_instrument(contract())

    async def _disconnect(self) -> None: ...

    async def _subscribe_instrument(self, command: Any) -> None: ...

    async def _subscribe_bars(self, command: Any) -> None:
        type(self).when_subscribed()

    async def _unsubscribe_bars(self, command: Any) -> None: ...

    async def _request_bars(self, request: Any) -> None:
        self.asked.append(request)
        now = request.ts_init
        type(self).when_asked()
        if self.silent:
            return
        for bar in self.streamed(now):
            self._handle_data(bar)
        await asyncio.sleep(0.05)
        response = BarsResponse(
            ClientId("HISTORY"),
            request.bar_type,
            self.history(now),
            request.request_id,
            self.clock.timestamp_ns(),
        )
        self._handle_response(response)
        await asyncio.sleep(0.05)
        for bar in self.later(now):
            self._handle_data(bar)


class HistoryFactory(DataClientFactory):
    @staticmethod
    def create(*, name: str, config: Any, cache: Any, clock: Any) -> HistoryClient:
        return HistoryClient(
            name=name, config=config, cache=cache, clock=clock, venue=Venue("XCME")
        )


def node() -> LiveNode:
    """Return a LiveNode with the client, without a venue."""
    routing = RoutingConfig(default=True)
    config = DataClientConfig(routing=routing)
    builder = (
        LiveNode.builder("N", TraderId.from_str("DESK-001"), Environment.SANDBOX)
        .with_logging(LoggerConfig(stdout_level=LogLevel.ERROR, is_colored=False))
        .with_delay_post_stop_secs(0)
        .with_reconciliation(False)
    )
    return builder.add_data_client("HISTORY", HistoryFactory, config, routing).build()
