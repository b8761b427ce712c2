"""Relay the outbox to NATS JetStream, for readers on other machines: each message once.

A message counts as sent when the stream has acknowledged it. After a crash before that is recorded
it is sent again under the same id, and the stream drops the duplicate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from qe_plugins.errors import FleetError
from qe_plugins.fleet.messaging.outbox import BATCH, Message, Outbox

STREAM, SUBJECTS = "quant-engine-fleet", "qe.fleet.>"
DEDUPLICATION_WINDOW = timedelta(days=1)
"""How long the stream detects a duplicate id."""

TIMEOUT = 3
POLL_INTERVAL = 0.5

type OnSent = Callable[[Message], None]


def relay(url: str, *, follow: bool, on_sent: OnSent) -> None:
    """Send the messages that a server has not had yet; with `follow`, run until interrupted.

    `on_sent` is called with each message. Raises FleetError where the server does not accept them;
    the next call continues from there.
    """
    asyncio.run(_relay(url, follow, on_sent))


def subject(message: Message) -> str:
    """Return the NATS subject of a message, such as `qe.fleet.guardian.posture`."""
    return f"qe.fleet.{message.role.lower()}.{message.kind}"


async def _relay(url: str, follow: bool, on_sent: OnSent) -> None:
    server = urlsplit(url).netloc.rpartition("@")[2]
    try:
        client = await _connect(url)
        try:
            with Outbox() as bus:
                while True:
                    if await _send_unread(client, bus, f"jetstream {server}", on_sent) == BATCH:
                        continue
                    if not follow:
                        return
                    await asyncio.sleep(POLL_INTERVAL)
        finally:
            await client.close()
    except (NatsError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()).removeprefix("nats: ") or type(error).__name__
        raise FleetError(
            f"takes no messages: {reason}.",
            where=f"NATS at {server or url}",
            hint="Start it with JetStream: `nats-server -js`.",
        ) from error


async def _connect(url: str) -> Client:
    return await nats.connect(
        url,
        connect_timeout=TIMEOUT,
        allow_reconnect=False,
        max_reconnect_attempts=1,  # counts the first connection as well
        reconnect_time_wait=0.1,
        error_cb=_ignore_error,  # the error is raised as well
    )


async def _ignore_error(_: Exception) -> None:
    return


async def _send_unread(client: Client, bus: Outbox, reader: str, on_sent: OnSent) -> int:
    """Send the next unread messages, and return their number, at most BATCH."""
    unread = bus.unread(reader, BATCH)
    if not unread:
        return 0
    stream = client.jetstream(timeout=TIMEOUT)
    await stream.add_stream(
        name=STREAM, subjects=[SUBJECTS], duplicate_window=DEDUPLICATION_WINDOW.total_seconds()
    )
    for message in unread:
        await stream.publish(
            subject(message),
            msgspec.json.encode(message),
            headers={"Nats-Msg-Id": message.dedupe},
        )
        bus.acknowledge(reader, message)
        on_sent(message)
    return len(unread)
