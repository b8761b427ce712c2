"""Poll a running scan: publish coordinators' messages as they decide, and show its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from qe_plugins.cluster.waiting import TIMEOUT, has_workers, no_workers
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.temporal.payloads import RankCount, ScanOutput
from qe_plugins.fleet.temporal.workflows import ScanWorkflow
from qe_plugins.fleet.tree import Level, tree_of

POLL_INTERVAL = 1.0
"""Seconds between two queries to a running scan."""

type OnProgress = Callable[[dict[Level, RankCount]], None]


class ProgressPoller:
    """Polls one scan. `say` is called with a notice, `on_progress` with the counts by rank."""

    def __init__(
        self,
        client: Client,
        handle: WorkflowHandle[ScanWorkflow, ScanOutput],
        scan: Scan,
        queue: str,
        say: Callable[[str], None],
        on_progress: OnProgress | None,
    ) -> None:
        self._client, self._handle, self._scan, self._queue = client, handle, scan, queue
        self._say, self._on_progress = say, on_progress
        self._tree = tree_of(scan.fleet)
        self._no_workers = False

    async def poll(self) -> None:
        """Poll until cancelled; a query that fails is repeated."""
        with Outbox() as bus:
            while True:
                await asyncio.sleep(POLL_INTERVAL)
                try:
                    await self._query(bus)
                except (RPCError, WorkflowQueryFailedError):
                    await self._report_missing_workers()

    async def _query(self, bus: Outbox) -> None:
        for outcome in await self._handle.query(ScanWorkflow.decided, rpc_timeout=TIMEOUT):
            node = self._tree.find(outcome.node)
            assert node is not None
            lifecycle.publish(bus, self._scan, node, outcome)
        if self._on_progress is not None:
            counts = await self._handle.query(ScanWorkflow.progress, rpc_timeout=TIMEOUT)
            self._on_progress(counts)

    async def _report_missing_workers(self) -> None:
        """Say once that no worker polls the queue."""
        found = await has_workers(self._client, self._queue)
        if not found and not self._no_workers:
            self._say(no_workers(self._queue))
        self._no_workers = not found
