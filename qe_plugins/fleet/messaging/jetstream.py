"""The outbox on NATS JetStream, for readers on other machines: each message there once.

A message counts as sent when the stream has acknowledged it. Whoever dies before it has noted that
sends it again, under the same id, and the stream lets it be.
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
from qe_plugins.fleet.messaging.outbox import PART, Message, Outbox

STREAM, SUBJECTS = "quant-engine-fleet", "qe.fleet.>"
REMEMBERED = timedelta(days=1)
"""How long the stream knows a message's id."""

SOON = 3
EVERY = 0.5

type Sent = Callable[[Message], None]


def relay(url: str, *, follow: bool, sent: Sent) -> None:
    """Send what that server has not been sent yet; with `follow`, go on until interrupted.

    `sent` is told of each message. Raises FleetError where the server does not take them; the next
    time goes on from there.
    """
    asyncio.run(_relay(url, follow, sent))


def subject(message: Message) -> str:
    """Return where a message is heard, such as `qe.fleet.guardian.posture`."""
    return f"qe.fleet.{message.role.lower()}.{message.kind}"


async def _relay(url: str, follow: bool, sent: Sent) -> None:
    server = urlsplit(url).netloc.rpartition("@")[2]
    try:
        client = await _connected(url)
        try:
            with Outbox() as bus:
                while True:
                    if await _send(client, bus, f"jetstream {server}", sent) == PART:
                        continue
                    if not follow:
                        return
                    await asyncio.sleep(EVERY)
        finally:
            await client.close()
    except (NatsError, OSError, ValueError) as error:
        said = " ".join(str(error).split()).removeprefix("nats: ") or type(error).__name__
        raise FleetError(
            f"takes no messages: {said}.",
            where=f"NATS at {server or url}",
            hint="It must be there, and run with JetStream: `nats-server -js`.",
        ) from error


async def _connected(url: str) -> Client:
    return await nats.connect(
        url,
        connect_timeout=SOON,
        allow_reconnect=False,
        max_reconnect_attempts=1,  # these count for the first connection, too
        reconnect_time_wait=0.1,
        error_cb=_let_be,  # it is raised as well
    )


async def _let_be(_: Exception) -> None:
    return


async def _send(client: Client, bus: Outbox, reader: str, sent: Sent) -> int:
    """Send the next unread messages, and return how many there were, at most PART."""
    unread = bus.unread(reader, PART)
    if not unread:
        return 0
    stream = client.jetstream(timeout=SOON)
    await stream.add_stream(
        name=STREAM, subjects=[SUBJECTS], duplicate_window=REMEMBERED.total_seconds()
    )
    for message in unread:
        await stream.publish(
            subject(message),
            msgspec.json.encode(message),
            headers={"Nats-Msg-Id": message.dedupe},
        )
        bus.acknowledge(reader, message)
        sent(message)
    return len(unread)
