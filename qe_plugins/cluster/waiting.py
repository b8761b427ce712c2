"""Start a workflow or join it, and wait for its result; notice a lost server, missing workers."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.types import MethodAsyncSingleParam

from qe_plugins.errors import ClusterError

SERVER_LOST = 60.0
"""Seconds without a response after which the server counts as lost."""

TIMEOUT = timedelta(seconds=3)

GONE = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


async def start_or_join[W, I, T](
    client: Client,
    run: MethodAsyncSingleParam[W, I, T],
    argument: I,
    name: str,
    queue: str,
) -> WorkflowHandle[W, T]:
    """Return the workflow of a name: the one that runs or has completed, or else a new one."""
    try:
        return await client.start_workflow(
            run,
            argument,
            id=name,
            task_queue=queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle_for(run, name)


async def result_of[T](handle: WorkflowHandle[Any, T], where: str, hint: str) -> T:
    """Return a workflow's result. Raises ClusterError, with `hint`, if it failed or is lost."""
    last_response = time.monotonic()
    while True:
        try:
            return await handle.result(rpc_timeout=timedelta(seconds=20))
        except WorkflowFailureError as error:
            raise ClusterError(f"failed: {_cause(error)}", where=where, hint=hint) from error
        except RPCError as error:
            if error.status not in GONE:
                raise ClusterError(f"was lost: {error}.", where=where, hint=hint) from error
            if error.status is RPCStatusCode.DEADLINE_EXCEEDED:
                last_response = time.monotonic()
            if time.monotonic() - last_response > SERVER_LOST and await _answers(handle):
                last_response = time.monotonic()  # busy, or this process was
            if time.monotonic() - last_response > SERVER_LOST:
                message = f"no response from the server for {SERVER_LOST:g} s."
                raise ClusterError(message, where=where, hint=hint) from error
            await asyncio.sleep(0.5)


async def _answers(handle: WorkflowHandle[Any, Any]) -> bool:
    """Return whether the server answers a question that it need not wait for."""
    try:
        await handle.describe(rpc_timeout=timedelta(seconds=30))
    except RPCError:
        return False
    return True


async def has_workers(client: Client, queue: str) -> bool:
    """Return whether a worker polls a queue; true where the server does not say."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        found = await client.workflow_service.describe_task_queue(request, timeout=TIMEOUT)
    except RPCError:
        return True
    return bool(found.pollers)


def no_workers(queue: str) -> str:
    """Return the notice that no worker polls a queue."""
    return f"no worker on queue {queue} yet: start one with `qe worker`"


def _cause(error: BaseException) -> str:
    """Return the message of the application error that caused a failure."""
    while error.__cause__ is not None and not isinstance(error, ApplicationError):
        error = error.__cause__
    message = error.message if isinstance(error, FailureError) else str(error)
    return " ".join(message.split())
