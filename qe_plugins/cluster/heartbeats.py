"""Heartbeats of an activity: the server gives it to another process when they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from qe_plugins.errors import QeError

HEARTBEAT = 1.0
"""Seconds between two heartbeats."""


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Send heartbeats within the block. An error is final: only a lost process is retried."""
    sending = asyncio.create_task(_send_heartbeats())
    try:
        yield
    except Exception as error:
        kind = type(error).__name__
        message = str(error) if isinstance(error, QeError) else f"{kind}: {error}"
        raise ApplicationError(message, type=kind, non_retryable=True) from error
    finally:
        sending.cancel()


async def _send_heartbeats() -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        activity.heartbeat()
