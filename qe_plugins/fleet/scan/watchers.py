"""Tasks beside a running scan: a live display, imports that can wait, and a request to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.runner import ScanRunner
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.fleet.tasks.snapshot_process import import_other_sdks
from qe_plugins.halt.latch import Halt, HaltLatch
from qe_plugins.llm.client.client import Client

type Watcher = Callable[[ScanRunner, Client], Coroutine[Any, Any, None]]
"""Shows a running scan until it is cancelled."""

POLL_INTERVAL = 0.1
"""Seconds between two checks whether a call has been answered."""


@asynccontextmanager
async def with_watcher(
    watcher: Watcher | None, runner: ScanRunner, client: Client
) -> AsyncIterator[None]:
    """Run a watcher as a task while the block runs; None runs none."""
    watching = asyncio.create_task(watcher(runner, client)) if watcher else None
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def import_ahead(runner: ScanRunner, client: Client) -> None:
    """Import the SDKs of the upper ranks once the first call has been answered.

    Earlier, the import would delay the first call; at their first request, the end of the scan.
    """
    while not client.stats.answered:
        await asyncio.sleep(POLL_INTERVAL)
    import_other_sdks(runner.fleet)


async def run_until_stopped(
    runner: ScanRunner, stop: StopRequest, latch: HaltLatch | None = None
) -> NodeOutcome:
    """Return the desk's outcome. Raises Stopped on request, and Halted once `latch` is set.

    Calls in flight are not cancelled.
    """
    loop, work = asyncio.get_running_loop(), asyncio.create_task(runner.run())
    halts: list[Halt] = []
    watching = asyncio.create_task(_cancel_when_halted(work, latch, halts)) if latch else None
    try:
        with stop.notifies(lambda: loop.call_soon_threadsafe(work.cancel)):
            return await work
    except asyncio.CancelledError:
        work.cancel()
        if not stop.requested and not halts:
            raise
    finally:
        if watching is not None:
            watching.cancel()
    raise Stopped if stop.requested else halts[0].error()


async def _cancel_when_halted(
    work: asyncio.Task[NodeOutcome], latch: HaltLatch, halts: list[Halt]
) -> None:
    while (halt := latch.read()) is None:
        await asyncio.sleep(POLL_INTERVAL)
    halts.append(halt)
    work.cancel()
