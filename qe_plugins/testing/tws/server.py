"""The gateway behind its sockets: the API port, the control port, and the clock between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

import msgspec

from qe_plugins.errors import PluginError
from qe_plugins.testing.tws.connections import GatewayConnection
from qe_plugins.testing.tws.controls import COMMANDS, Controls
from qe_plugins.testing.tws.exchange.hours import CHICAGO
from qe_plugins.testing.tws.exchange.prices import PriceFeed
from qe_plugins.testing.tws.gateway import Gateway, GatewaySettings
from qe_plugins.testing.tws.timetable import GatewayClock, SystemClock
from qe_plugins.testing.tws.wire import messages

HOST = "127.0.0.1"
LONGEST_WAIT = 1.0


class GatewayServer:
    """A gateway that listens on loopback. `port` and `control_port` 0 take any free port.

    Raises `PluginError` if IB's protobuf classes are missing or a port is taken.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        port: int = 0,
        control_port: int = 0,
        clock: GatewayClock | None = None,
        feed: PriceFeed | None = None,
    ) -> None:
        messages.require_classes()
        self.settings, self.port, self.control_port = settings, port, control_port
        self._clock, self._feed = clock or SystemClock(), feed
        self.gateway = Gateway(settings, self._clock, feed)
        self.controls = Controls(self)
        self._connections: set[GatewayConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._api: asyncio.Server | None = None
        self._control: asyncio.Server | None = None
        self._wake = asyncio.Event()

    async def start(self) -> None:
        """Listen on both ports."""
        self._control = await _listen(self._serve_control, self.control_port)
        self.control_port = _port_of(self._control)
        await self._open()

    async def run(self) -> None:
        """Run what is due until cancelled. Raises `PluginError` if `restart_at` is no time."""
        nightly = self._keep(asyncio.create_task(self._restart_nightly()))
        try:
            while True:
                self.gateway.timetable.added = self._wake.set
                self.gateway.timetable.run_due()
                self._wake.clear()
                due = self.gateway.timetable.next_due()
                wait = LONGEST_WAIT if due is None else max(due - self._clock.now(), 0)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), min(wait, LONGEST_WAIT))
                if nightly.done():
                    nightly.result()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Close every socket and write the state."""
        self.drop(None)
        for server in (self._api, self._control):
            if server is not None:
                server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.gateway.save()
        self.gateway.ledger.close()

    def drop(self, client_id: int | None) -> None:
        """Cut the sockets of one client, or of all."""
        for connection in list(self._connections):
            if client_id in (None, connection.session.client_id):
                self.gateway.disconnect(connection.session)
                connection.abort()

    def restart(self, seconds: float) -> None:
        """Be down for `seconds`, then continue from the state file, or from memory without one.

        Time goes on meanwhile; what prices do is not seen by anything.
        """
        self.gateway.save()
        if self._api is not None:
            self._api.close()
        self.drop(None)
        self._keep(asyncio.create_task(self._come_back(seconds)))

    async def _restart_nightly(self) -> None:
        if self.settings.restart_at is None:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(_until(self.settings.restart_at or "", self._clock.now()))
            self.restart(self.settings.restart_seconds)

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.settings.state:
            old, self.gateway = self.gateway, Gateway(self.settings, self._clock, self._feed)
            self.gateway.ledger, self.gateway.faults = old.ledger, old.faults
            self.gateway.failures = old.failures
            self.gateway.market.series = old.market.series
        self._wake.set()
        await self._open()

    async def _open(self) -> None:
        self._api = await _listen(self._serve_api, self.port)
        self.port = _port_of(self._api)

    async def _serve_api(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = GatewayConnection(self.gateway, reader, writer)
        self._connections.add(connection)
        self._keep(asyncio.current_task())
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)

    async def _serve_control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._keep(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(self._command(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _command(self, line: bytes) -> dict[str, Any]:
        try:
            command = dict(json.loads(line))
            name = str(command.pop("do"))
            if name not in COMMANDS:
                raise ValueError(f"unknown command {name!r}: one of {', '.join(COMMANDS)}")
            answer = getattr(self.controls, name)(**command)
        except Exception as error:  # whatever a command raises is its answer
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {"ok": True, "answer": msgspec.to_builtins(answer)}

    def _keep(self, task: asyncio.Task[None] | None) -> asyncio.Task[None]:
        assert task is not None  # there is a current task in a coroutine
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _listen(serve: Serve, port: int) -> asyncio.Server:
    try:
        return await asyncio.start_server(serve, HOST, port)
    except OSError as error:
        raise PluginError(f"port {port} on {HOST} is taken: give another one: {error}") from error


def _until(time_of_day: str, now: float) -> float:
    """Return the seconds from `now` to the next such time in Chicago."""
    local = datetime.fromtimestamp(now, CHICAGO)
    try:
        at = time.fromisoformat(time_of_day)
    except ValueError as error:
        message = f"the nightly restart must be a time like 16:15, was {time_of_day!r}"
        raise PluginError(message) from error
    due = datetime.combine(local.date(), at, CHICAGO)
    if due.timestamp() <= now + 1:
        due = datetime.combine(local.date() + timedelta(1), at, CHICAGO)
    return due.timestamp() - now


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
