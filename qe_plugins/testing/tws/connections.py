"""Sockets: the handshake, frames, and which dialect a client speaks.

A client says `API`, then which server versions it understands; the gateway answers with one of
them. From version 201 on messages are protobuf, and this gateway is of version 223; to a client
that knows no version from 213 on it speaks the text dialect, at 178 at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re

from qe_plugins.testing.tws.gateway import Gateway
from qe_plugins.testing.tws.sessions import ClientSession
from qe_plugins.testing.tws.wire import messages, text_answers, text_requests
from qe_plugins.testing.tws.wire.messages import (
    PROTOBUF_OFFSET,
    REQUESTS,
    UNKNOWN,
    UNKNOWN_NUMBER,
    Body,
)
from qe_plugins.testing.tws.wire.times import server_time

PROTOBUF_VERSION, OLDEST_PROTOBUF = 223, 213
TEXT_VERSION, OLDEST_TEXT = 178, 157
GREETING = b"API\0"
MOST_BYTES = 1 << 24

log = logging.getLogger(__name__)


class GatewayConnection:
    """One socket of a client."""

    def __init__(
        self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._gateway, self._reader, self._writer = gateway, reader, writer
        self._version = 0
        self._bars: dict[int, list[Body]] = {}
        self.session = ClientSession(gateway, self.write, self.hang_up)

    async def serve(self) -> None:
        """Answer the client until one side hangs up."""
        try:
            if not await self._shake_hands():
                return
            self._gateway.connect(self.session)
            while not self.session.is_closed:
                self._receive(await self._frame())
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._gateway.disconnect(self.session)
            self._writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._writer.wait_closed()

    def write(self, name: str, body: Body) -> None:
        """Send a message in the client's dialect."""
        if self._writer.is_closing():
            return
        if name == UNKNOWN:
            is_text = self._version < OLDEST_PROTOBUF
            number = UNKNOWN_NUMBER + PROTOBUF_OFFSET
            self._send(f"{UNKNOWN_NUMBER}\0".encode() if is_text else number.to_bytes(4, "big"))
            return
        if self._version >= OLDEST_PROTOBUF:
            self._send(messages.encode(name, body))
            return
        if name == "HistoricalData":
            self._bars[body["reqId"]] = body["historicalDataBars"]
            return
        if name == "HistoricalDataEnd":
            self._send(text_answers.historical_data(self._bars.pop(body["reqId"], []), body))
            return
        payload = text_answers.write(name, body, self._version)
        if payload is not None:
            self._send(payload)

    def hang_up(self) -> None:
        """End the connection once everything is sent."""
        self._writer.close()

    def abort(self) -> None:
        """End the connection at once, as a cut cable does."""
        self.session.is_closed = True
        self._writer.transport.abort()

    async def _shake_hands(self) -> bool:
        if await self._reader.readexactly(len(GREETING)) != GREETING:
            return False
        offered = (await self._frame()).decode()
        if not self._gateway.faults.is_logged_in:
            await self._reader.read()  # until the client gives up
            return False
        match = re.match(r"v(\d+)(?:\.\.(\d+))?", offered)
        if match is None:
            return False
        oldest, newest = int(match[1]), int(match[2] or match[1])
        if newest >= OLDEST_PROTOBUF:
            self._version = min(newest, PROTOBUF_VERSION)
        else:
            self._version = min(newest, TEXT_VERSION)
        if self._version < max(oldest, OLDEST_TEXT):
            return False
        now = server_time(self._gateway.now(), self._gateway.settings.time_zone)
        self._send(f"{self._version}\0{now}\0".encode())
        return True

    async def _frame(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(4), "big")
        if length > MOST_BYTES:
            raise ConnectionError(f"a message of {length} bytes")
        return await self._reader.readexactly(length)

    def _receive(self, frame: bytes) -> None:
        try:
            name, body = self._decode(frame)
        except ValueError as error:
            log.warning("%s", error)
            self.session.error(320, f"Error reading request. {error}")
            return
        try:
            self._gateway.receive(self.session, name, body)
        except Exception as error:  # a client must not end the gateway; its owner is told
            log.exception("cannot answer %s", name)
            self._gateway.failures.append(f"{name} {body}: {error!r}")
            self.session.error(320, f"Error reading request. {error!r}", body.get("reqId", -1))

    def _decode(self, frame: bytes) -> tuple[str, Body]:
        if self._version < OLDEST_PROTOBUF:
            return text_requests.read(frame.decode().split("\0")[:-1], self._version)
        number = int.from_bytes(frame[:4], "big") - PROTOBUF_OFFSET
        name = REQUESTS.get(number)
        if name is None:
            return f"message {number}", {}
        return name, messages.decode(name, frame[4:])

    def _send(self, payload: bytes) -> None:
        self._writer.write(len(payload).to_bytes(4, "big") + payload)
