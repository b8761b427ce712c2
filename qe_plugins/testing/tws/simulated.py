"""`SimulatedTws` runs a gateway on a thread of this process; `RemoteTws` talks to one elsewhere."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import json
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from qe_plugins.testing.tws.controls import COMMANDS, Controls
from qe_plugins.testing.tws.exchange.prices import PriceFeed, StillPrice
from qe_plugins.testing.tws.gateway import GatewaySettings
from qe_plugins.testing.tws.ledger import LedgerEntry
from qe_plugins.testing.tws.server import HOST, GatewayServer
from qe_plugins.testing.tws.timetable import GatewayClock

SECONDS = 10.0


class SimulatedTws:
    """A simulated TWS for a test: a real server on loopback, on a thread of its own.

    `with SimulatedTws() as tws:` gives `tws.port` for clients and `tws.control` for the test, whose
    methods are those of `Controls`. Prices stand still unless a `feed` is given; quotes are
    published four times a second all the same. `clock` is by default the machine's. At the end it
    raises `RuntimeError` if the gateway could not answer a request, and `PluginError` at the start
    if its port is taken.
    """

    def __init__(
        self,
        settings: GatewaySettings | None = None,
        *,
        feed: PriceFeed | None = None,
        port: int = 0,
        clock: GatewayClock | None = None,
    ) -> None:
        self.server = GatewayServer(
            settings or GatewaySettings(), port=port, clock=clock, feed=feed or StillPrice()
        )
        self.control = cast(Controls, _Caller(self.call))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulated-tws", daemon=True)
        self._main: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._main is not None and not self._main.done():
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(SECONDS)
        failures = [
            *([repr(self._failure)] if self._failure else []),
            *self.server.gateway.failures,
        ]
        if failures and kind is None:
            raise RuntimeError(f"the simulated TWS failed: {'; '.join(failures)}")

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self.server.port

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Run a command on the gateway's thread and return its answer."""

        async def run() -> Any:
            return getattr(self.server.controls, name)(*args, **kwargs)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(SECONDS)

    def wait_until(
        self, condition: Callable[[Controls], Any], seconds: float = SECONDS, *, what: str = ""
    ) -> Any:
        """Return the first true answer of `condition`. Raises `TimeoutError` after `seconds`."""
        end = time.monotonic() + seconds
        while True:
            answer = condition(self.control)
            if answer:
                return answer
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {what or condition}")
            time.sleep(0.01)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def main() -> None:
            try:
                await self.server.start()
            except BaseException as error:
                self._ready.set_exception(error)
                return
            self._ready.set_result(None)
            await self.server.run()

        self._main = self._loop.create_task(main())
        try:
            self._loop.run_until_complete(self._main)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                self._failure = error
        finally:
            self._loop.close()


class RemoteTws:
    """The control port of a simulated TWS in another process.

    `RemoteTws(port).control.move(6490)` is `Controls.move`. Raises `ConnectionError` if it is gone,
    and `ValueError` with the reason if a command fails.
    """

    def __init__(self, port: int, *, host: str = HOST) -> None:
        self._socket = socket.create_connection((host, port), SECONDS)
        self._file = self._socket.makefile("rwb")
        self.control = cast(Controls, _Caller(self.call))

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Run a command; lists of ledger entries come back as such."""
        arguments = kwargs
        if args:
            bound = inspect.signature(getattr(Controls, name)).bind(None, *args, **kwargs)
            arguments = {key: one for key, one in bound.arguments.items() if key != "self"}
        self._file.write(json.dumps({"do": name, **arguments}).encode() + b"\n")
        self._file.flush()
        line = self._file.readline()
        if not line:
            raise ConnectionError("the simulated TWS has ended")
        answer = json.loads(line)
        if not answer["ok"]:
            raise ValueError(answer["error"])
        if name in ("received", "sent"):
            return msgspec.convert(answer["answer"], list[LedgerEntry])
        return answer["answer"]

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


class _Caller:
    """Methods of `Controls` that are passed to another thread or process."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in COMMANDS:
            raise AttributeError(name)

        def command(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, *args, **kwargs)

        return command
