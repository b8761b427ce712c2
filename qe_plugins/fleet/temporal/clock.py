"""The seconds of a scan, as its deadlines count them, within a workflow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from temporalio import workflow

from qe_plugins.fleet.temporal.orders import Order, Told
from qe_plugins.fleet.tree import Level

GRACE = 1.0
"""Seconds beyond a deadline in which an answer in time is handed over, by way of a server."""

UNSEEN = 5.0
"""Seconds after which a deadline that nobody noticed passed while no worker or server was there."""


class Clock:
    """When a scan began, by the workflow's time. It begins anew where nobody saw a deadline pass.

    That is what a resumed scan does in one process: a machine that was down makes nobody late.
    """

    def __init__(self, order: Order, began: float | None = None) -> None:
        self._order = order
        self.began = workflow.time() if began is None else began

    def elapsed(self) -> float:
        """Return the seconds so far."""
        return workflow.time() - self.began

    def left(self, level: Level) -> float:
        """Return the seconds until a rank's deadline, at least none."""
        return max(0.0, self._order.deadlines[level] - self.elapsed())

    async def arrived(
        self, level: Level, work: Mapping[str, asyncio.Task[Told]]
    ) -> dict[str, Told]:
        """Return what those of a rank had to say by their deadline; the others are sent home.

        Raises what no node may survive.
        """
        tasks = list(work.values())
        while True:
            due = self.began + self._order.deadlines[level] + GRACE
            done, pending = await workflow.wait(
                tasks,
                timeout=max(0.0, due - workflow.time()),
                return_when=asyncio.FIRST_EXCEPTION,
            )
            for task in done:
                task.result()
            if not pending or workflow.time() - due < UNSEEN:
                break
            self.began = workflow.time()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return {name: task.result() for name, task in work.items() if task in done}
