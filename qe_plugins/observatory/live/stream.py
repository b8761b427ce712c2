"""`/stream?of=strip,scan:ID`: server-sent events whose ids are cursors of tables.

An event carries HTML of the same templates as the page. Each id has the cursor of every feed of
the stream, so that a page which connects again gets what it missed, and nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from qe_plugins.errors import QeError
from qe_plugins.observatory.live.feeds import Feed, event_id, subscriptions
from qe_plugins.observatory.live.poller import Poller, StreamReader
from qe_plugins.safe_text import one_line

LOG = logging.getLogger(__name__)
BEAT = 2.0
"""Seconds after which a stream without a change sends a beat."""

SLOW = 5.0
"""Seconds that a reader may take for one event before it is dropped."""

MOST_STREAMS = 48

HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """The answer of one stream: it lasts until the browser leaves or `alive` says no."""

    def __init__(self, poller: Poller, reader: StreamReader, alive: Callable[[], bool]) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._poller, self._reader, self._alive = poller, reader, alive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until either side ends the stream."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers[:]})
        self._poller.join(self._reader)
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._poller.leave(self._reader)
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        cursors = {key: one.since for key, one in self._reader.wanted.items()}
        again: set[str] = set()

        async def write(event: str) -> None:
            body = {"type": "http.response.body", "body": event.encode(), "more_body": True}
            await asyncio.wait_for(send(body), SLOW)

        await write(f"retry: 500\nevent: beat\ndata: {_now_ms()}\n\n")
        while self._alive() and not self._reader.slow:
            change = await self._reader.next(BEAT)
            if change is None:
                await write(f"event: beat\ndata: {_now_ms()}\n\n")
                continue
            key = change.key
            if change.cursor == cursors[key] and key not in again:
                continue
            one = self._reader.wanted[key]
            args = (self._poller.feeds[one.name], one.argument, cursors[key], change.cursor)
            html, cursors[key], unsettled = await asyncio.to_thread(_rendered, *args)
            again.discard(key)
            if unsettled:
                again.add(key)
                self._poller.look_again(key)
            await write(f"id: {event_id(cursors)}\n{_data(html)}\n\n")
        await write("event: reload\ndata: \n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def open_stream(request: Request, poller: Poller, alive: Callable[[], bool]) -> Response:
    """Return the answer to a request for a stream."""
    try:
        wanted = subscriptions(
            request.query_params.get("of", ""), request.headers.get("last-event-id", "")
        )
    except QeError as error:
        return PlainTextResponse(f"{error}\n", status_code=400)
    unknown = [one.name for one in wanted if one.name not in poller.feeds]
    if unknown:
        return PlainTextResponse("no such feed\n", status_code=404)
    if poller.readers >= MOST_STREAMS:
        return PlainTextResponse("too many streams are open\n", status_code=503)
    return EventStream(poller, StreamReader(wanted), alive)


def _rendered(feed: Feed, argument: str, since: str, until: str) -> tuple[str, str, bool]:
    """Return the HTML of a change, the cursor that it brings a page to, and whether to look again.

    A state that changes between the poller's look and this one, and changes back before the next
    look, never has another cursor: the page must be rendered once more. A change that cannot be
    rendered leaves the page where it is, and is tried again.
    """
    try:
        html = feed.render(argument, since, until)
    except Exception as error:  # a page's feed must not stop the strip
        LOG.warning("feed %s: %s", feed.name, one_line(error))
        return f"<!-- {one_line(error).replace('--', '- -').replace('>', ' ')} -->", since, True
    try:
        return html, until, feed.cursor(argument) != until
    except Exception:  # the poller logs it at its next look
        return html, until, True


def _data(html: str) -> str:
    lines = [line.strip() for line in html.splitlines()]
    return "\n".join(f"data: {line}" for line in lines if line) or "data: <!-- -->"


def _now_ms() -> int:
    return int(time.time() * 1000)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
