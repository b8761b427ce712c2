"""HTTP/1.1 over raw sockets, as much of it as two JSON interfaces need.

A web framework takes longer for a request than the rest of this server, and a server that shares
two cores with the fleet that it measures should not be what is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

import msgspec

END = b"\r\n\r\n"
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request(msgspec.Struct, frozen=True):
    """A request that has come in whole; the names of its headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Response(msgspec.Struct, frozen=True):
    """A response of JSON, or of `raw` bytes in its place.

    A `cut` one breaks off in the middle, and the connection with it; at a `reset` nothing is sent.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = {}
    cut: bool = False
    raw: bytes | None = None
    reset: bool = False

    def encoded(self) -> bytes:
        """Return it as it goes over the wire."""
        body = msgspec.json.encode(self.body) if self.raw is None else self.raw
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        first = f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Odd')}\r\n"
        head = (
            f"{first}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        ).encode()
        return head + (body[: len(body) // 2] if self.cut else body)


type Handler = Callable[[Request], Awaitable[Response]]


class Connection(asyncio.Protocol):
    """One connection: a request after the other, each answered before the next is read."""

    def __init__(self, handler: Handler, open_ones: set[Connection]) -> None:
        self._handler, self._open = handler, open_ones
        self._received = bytearray()
        self._head: tuple[str, dict[str, str]] | None = None
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)  # what it asked for is worked on, and charged, all the same

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answering is None:
            self._read()

    def close(self) -> None:
        """Break it off, and whatever is worked on for it."""
        if self._answering is not None:
            self._answering.cancel()
        self._transport.abort()

    def _read(self) -> None:
        if self._head is None:
            end = self._received.find(END)
            if end < 0:
                return
            self._head = _parsed(bytes(self._received[:end]))
            del self._received[: end + len(END)]
        path, headers = self._head
        length = int(headers.get("content-length", "0"))
        if len(self._received) < length:
            return
        request = Request(path, headers, bytes(self._received[:length]))
        del self._received[:length]
        self._head = None
        self._answering = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        response = await self._handler(request)
        self._answering = None
        if self._transport.is_closing():
            return
        if response.reset:
            self._transport.abort()
            return
        self._transport.write(response.encoded())
        if response.cut:
            self._transport.close()
        elif self._received:
            self._read()


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in named}
    return first.split(" ")[1], headers
