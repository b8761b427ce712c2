"""What a worker of a cluster does on the queue of scans."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from qe_plugins.cluster.worker import QueueWork
from qe_plugins.fleet.temporal.activities import ScanActivities
from qe_plugins.fleet.temporal.open_scans import OpenScans
from qe_plugins.fleet.temporal.workflows import CaptainWorkflow, ScanWorkflow

AT_ONCE = 500
"""Activities that a process runs at once; they mostly wait for calls."""


@asynccontextmanager
async def scan_work(queue: str, log: Callable[[str], None]) -> AsyncIterator[QueueWork]:
    """Yield the work of a worker on scans; the scans it opened are closed afterwards."""
    async with OpenScans() as scans:
        activities = ScanActivities(scans, log)
        yield QueueWork(
            queue=queue,
            workflows=(ScanWorkflow, CaptainWorkflow),
            activities=(activities.pool, activities.decide),
            at_once=AT_ONCE,
        )
