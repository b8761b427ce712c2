"""The process of a worker: polls task queues and runs their workflows and activities."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from typing import Any

import msgspec
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from qe_plugins.cluster.connection import Cluster, connect

SHUTDOWN_TIMEOUT = timedelta(seconds=30)
"""How long running activities may continue after a signal to stop."""

STICKY_TIMEOUT = timedelta(seconds=2)
"""How long a workflow waits for the process that last ran it, before another may run it."""

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""The least time between two heartbeats to the server."""

PASSED_THROUGH = (
    "msgspec",
    "pluggy",
    "qe_plugins.plugins.types",
    "qe_plugins.plugins.base",
    "qe_plugins.units",
)
"""Modules that the workflow sandbox does not reload: compiled ones cannot be loaded twice."""

RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

type Say = Callable[[str], None]


class QueueWork(msgspec.Struct, frozen=True):
    """What a worker does on one task queue, `at_once` activities at most."""

    queue: str
    workflows: tuple[type, ...]
    activities: tuple[Callable[..., Any], ...]
    at_once: int


async def work(
    cluster: Cluster, say: Say, queues: Sequence[AbstractAsyncContextManager[QueueWork]]
) -> None:
    """Work on several queues until SIGTERM or SIGINT; running activities are finished first.

    `say` is called with a line for each event. Raises ClusterError where the cluster cannot be
    joined.
    """
    client = await connect(cluster)
    async with AsyncExitStack() as stack:
        every = [await stack.enter_async_context(one) for one in queues]
        workers = [_build_worker(client, one) for one in every]
        running = [asyncio.create_task(one.run()) for one in workers]
        names = ", ".join(one.queue for one in every)
        say(f"joined {client.service_client.config.target_host}, queues {names}")
        stopped = asyncio.create_task(_stop_signal())
        await asyncio.wait({*running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            say("stopping: running activities are finished first")
        stopped.cancel()
        await asyncio.gather(*(one.shutdown() for one in workers))
        await asyncio.gather(*running)
    say("stopped")


def _build_worker(client: Client, work: QueueWork) -> Worker:
    return Worker(
        client,
        task_queue=work.queue,
        workflows=work.workflows,
        activities=work.activities,
        workflow_runner=SandboxedWorkflowRunner(restrictions=RESTRICTIONS),
        workflow_failure_exception_types=[
            Exception
        ],  # a bug fails the workflow instead of being retried
        identity=f"{os.getpid()}@{socket.gethostname()}",
        max_concurrent_activities=work.at_once,
        disable_eager_activity_execution=True,  # activities of a workflow go to any free process
        graceful_shutdown_timeout=SHUTDOWN_TIMEOUT,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
    )


async def _stop_signal() -> None:
    """Return at the first signal to stop; the second ends the process at once."""
    loop, received = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        for one in STOP_SIGNALS:
            loop.remove_signal_handler(one)
        received.set()

    with contextlib.suppress(NotImplementedError):  # Windows: there, an interrupt is an exception
        for one in STOP_SIGNALS:
            loop.add_signal_handler(one, stop)
    await received.wait()
