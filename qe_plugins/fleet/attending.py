"""Whoever attends a running scan: a watcher who shows it, and a wish to stop that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from qe_plugins.fleet.apart import import_others
from qe_plugins.fleet.outcome import Outcome
from qe_plugins.fleet.runtime import Runtime
from qe_plugins.fleet.stop import Stop, Stopped
from qe_plugins.llm.client import Client

type Watch = Callable[[Runtime, Client], Coroutine[Any, Any, None]]
"""Shows a running scan until it is cancelled."""

EVERY = 0.1
"""Seconds between two looks whether a call has been answered."""


@asynccontextmanager
async def watched(watch: Watch | None, runtime: Runtime, client: Client) -> AsyncIterator[None]:
    """Have a scan shown while the block runs."""
    watcher = asyncio.create_task(watch(runtime, client)) if watch else None
    try:
        yield
    finally:
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


async def import_ahead(runtime: Runtime, client: Client) -> None:
    """Import the SDKs of the upper ranks once the first call is answered and others are waited for.

    Before, it would hold up the first call; when they are first asked, it would hold up the end.
    """
    while not client.stats.answered:
        await asyncio.sleep(EVERY)
    import_others(runtime.fleet)


async def unless_stopped(runtime: Runtime, stop: Stop) -> Outcome:
    """Return the desk's outcome. Raises Stopped on request; calls in flight then go on."""
    loop, work = asyncio.get_running_loop(), asyncio.create_task(runtime.run())
    try:
        with stop.tells(lambda: loop.call_soon_threadsafe(work.cancel)):
            return await work
    except asyncio.CancelledError:
        work.cancel()
        if not stop.requested:
            raise
    raise Stopped
