"""A data client of a live node that feeds recorded data, moment by moment, by the tape's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from nautilus_trader.common import DataActor
from nautilus_trader.live import DataClientConfig, RoutingConfig
from nautilus_trader.live.clients import DataClientFactory, MarketDataClient
from nautilus_trader.model import CustomData, DataType, Venue

NAME = "REPLAY"
MARKER = DataType("ReplayMarker")

type Run = Callable[["ReplayClient"], Coroutine[Any, Any, None]]
"""Feeds a session's data through a client; the node runs it once it is connected."""


class ReplayMarker:
    """A record that only says that everything before it was processed."""

    ts_event = ts_init = 0


class MarkerActor(DataActor):
    """Notes when a marker has passed through the node, and with it all that came before."""

    passed: Callable[[], None]

    def on_start(self) -> None:
        self.subscribe_data(MARKER)

    def on_data(self, _data: Any) -> None:
        self.passed()


class ReplayClient(MarketDataClient):
    """Feeds what `run` passes to it. Subscriptions need no answer: the data engine routes."""

    instruments: Sequence[Any] = ()
    run: Run
    actor: MarkerActor

    async def _connect(self) -> None:
        for instrument in self.instruments:
            self._handle_instrument(instrument)
        self.create_task(type(self).run(self), "replay")

    async def _disconnect(self) -> None:
        pass

    def feed(self, records: Sequence[Any]) -> None:
        """Pass records to the node, in their order."""
        for record in records:
            self._handle_data(record)

    async def processed(self, limit: float | None = None) -> bool:
        """Wait until the node has processed what was fed, and the orders that this caused.

        A venue in this process answers an order while the order is sent, so one marker is enough.
        Return False where `limit` seconds were not enough.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self.actor.passed = lambda: None if done.done() else done.set_result(None)
        self._handle_data(CustomData(MARKER, ReplayMarker()))
        if limit is None:
            await done
            return True
        try:
            await asyncio.wait_for(done, limit)
        except TimeoutError:
            return False
        return True


async def _accept(_client: Any, _command: Any) -> None:
    """Accept a subscription."""


for _kind in ("", "_instrument", "_instruments", "_bars", "_quotes", "_trades", "_custom_data"):
    for _verb in ("subscribe", "unsubscribe"):
        setattr(ReplayClient, f"_{_verb}{_kind}", _accept)


def client_class(
    instruments: Sequence[Any], run: Run, actor: MarkerActor
) -> type[DataClientFactory]:
    """Return the factory of a client that announces `instruments` and then calls `run`."""
    members = {"instruments": list(instruments), "run": run, "actor": actor}
    client: Any = type("Replay", (ReplayClient,), members)
    venue = instruments[0].id.venue

    class ReplayClientFactory(DataClientFactory):
        @staticmethod
        def create(*, name: str, config: Any, cache: Any, clock: Any) -> Any:
            return client(
                name=name, config=config, cache=cache, clock=clock, venue=Venue(venue.value)
            )

    return ReplayClientFactory


def routing() -> tuple[DataClientConfig, RoutingConfig]:
    """Return the settings of a client that serves every venue."""
    every = RoutingConfig(default=True)
    return DataClientConfig(routing=every), every
