"""What a running scan says meanwhile: coordinators on the bus as they decide, and how far it is."""

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

EVERY = 1.0
"""Seconds between two questions to a running scan."""

SOON = timedelta(seconds=3)

type Look = Callable[[dict[Level, RankCount]], None]


class Listener:
    """Listens to one scan."""

    def __init__(
        self,
        client: Client,
        handle: WorkflowHandle[ScanWorkflow, ScanOutput],
        scan: Scan,
        queue: str,
        say: Callable[[str], None],
        look: Look | None,
    ) -> None:
        self._client, self._handle, self._scan, self._queue = client, handle, scan, queue
        self._say, self._look = say, look
        self._tree = tree_of(scan.fleet)
        self._alone = False

    async def listen(self) -> None:
        """Listen until cancelled. Whoever cannot be heard is asked again."""
        with Outbox() as bus:
            while True:
                await asyncio.sleep(EVERY)
                try:
                    await self._ask(bus)
                except (RPCError, WorkflowQueryFailedError):
                    await self._tell_if_alone()

    async def _ask(self, bus: Outbox) -> None:
        for outcome in await self._handle.query(ScanWorkflow.spoken, rpc_timeout=SOON):
            node = self._tree.find(outcome.node)
            assert node is not None
            lifecycle.publish(bus, self._scan, node, outcome)
        if self._look is not None:
            self._look(await self._handle.query(ScanWorkflow.progress, rpc_timeout=SOON))

    async def _tell_if_alone(self) -> None:
        """Say once that nobody works on the queue."""
        asked = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            queue = await self._client.workflow_service.describe_task_queue(asked, timeout=SOON)
        except RPCError:
            return
        if not queue.pollers and not self._alone:
            self._say(f"no worker on queue {self._queue} yet: start one with `qe fleet worker`")
        self._alone = not queue.pollers
