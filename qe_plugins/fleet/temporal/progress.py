"""Poll a running scan: publish coordinators' messages as they decide, and show its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.temporal.payloads import RankCount, ScanOutput
from qe_plugins.fleet.temporal.workflows import ScanWorkflow
from qe_plugins.fleet.tree import Level, tree_of

POLL_INTERVAL = 1.0
"""Seconds between two queries to a running scan."""

TIMEOUT = timedelta(seconds=3)

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
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            queue = await self._client.workflow_service.describe_task_queue(
                request, timeout=TIMEOUT
            )
        except RPCError:
            return
        if not queue.pollers and not self._no_workers:
            self._say(f"no worker on queue {self._queue} yet: start one with `qe fleet worker`")
        self._no_workers = not queue.pollers
