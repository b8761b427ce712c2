"""Waiting for a task that others wait for too: who leaves early does not take it along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def ended(
    task: asyncio.Task[Any], deadline: float | None, grace: Callable[[], float] = lambda: 0.0
) -> bool:
    """Return whether a task has ended by `deadline`, a time of the loop's clock; None waits on.

    `grace` is asked at the deadline for how many seconds more there are.

    As `asyncio.wait` does for several tasks, which for one takes three times as long.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer: asyncio.TimerHandle | None = None

    def late() -> None:
        nonlocal timer
        more = grace()
        timer = loop.call_later(more, wake) if more else None
        if timer is None:
            wake()

    if deadline is not None:
        timer = loop.call_at(deadline, late)
    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()
    return task.done()
