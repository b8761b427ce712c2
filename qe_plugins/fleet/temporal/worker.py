"""A worker process of a cluster: runs workflows and activities of scans until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from qe_plugins.fleet.scan.lifecycle import run_on_uvloop
from qe_plugins.fleet.temporal.activities import ScanActivities
from qe_plugins.fleet.temporal.connection import Cluster, connect
from qe_plugins.fleet.temporal.open_scans import OpenScans
from qe_plugins.fleet.temporal.workflows import CaptainWorkflow, ScanWorkflow

AT_ONCE = 500
"""Activities that a process runs at once; they mostly wait for calls."""

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


def work(cluster: Cluster, say: Say) -> None:
    """Run until SIGTERM or SIGINT; running activities are finished first.

    `say` is called with a line for each event. Raises FleetError where the cluster cannot be
    joined.
    """
    run_on_uvloop(_run_worker(cluster, say))


async def _run_worker(cluster: Cluster, say: Say) -> None:
    client = await connect(cluster)
    async with OpenScans() as scans:
        worker = _build_worker(client, cluster.queue, ScanActivities(scans, say))
        running = asyncio.create_task(worker.run())
        say(f"joined {client.service_client.config.target_host}, queue {cluster.queue}")
        stopped = asyncio.create_task(_stop_signal())
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            say("stopping: running activities are finished first")
            await worker.shutdown()
        stopped.cancel()
        await running
    say("stopped")


def _build_worker(client: Client, queue: str, work: ScanActivities) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[ScanWorkflow, CaptainWorkflow],
        activities=[work.pool, work.decide],
        workflow_runner=SandboxedWorkflowRunner(restrictions=RESTRICTIONS),
        workflow_failure_exception_types=[
            Exception
        ],  # a bug fails the workflow instead of being retried
        identity=f"{os.getpid()}@{socket.gethostname()}",
        max_concurrent_activities=AT_ONCE,
        disable_eager_activity_execution=True,  # a captain's supervisors go to any free process
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
