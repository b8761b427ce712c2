"""A process that joins a cluster and works on its scans until it is told to stop."""

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

from qe_plugins.fleet.scan.lifecycle import on_a_fast_loop
from qe_plugins.fleet.temporal.activities import ScanActivities
from qe_plugins.fleet.temporal.connection import Cluster, connected
from qe_plugins.fleet.temporal.open_scans import OpenScans
from qe_plugins.fleet.temporal.workflows import CaptainWorkflow, ScanWorkflow

AT_ONCE = 500
"""Supervisors and parents that a process takes on at once; each waits for its calls, not for us."""

LAST = timedelta(seconds=30)
"""How long what has begun may go on after the process was told to stop."""

FORGOTTEN = timedelta(seconds=2)
"""How long a workflow waits for the process that last ran it, before another may."""

SEEN = timedelta(seconds=2)
"""How often a sign of life is sent on, at most."""

PASSED = (
    "msgspec",
    "pluggy",
    "qe_plugins.plugins.types",
    "qe_plugins.plugins.base",
    "qe_plugins.units",
)
"""What a sandbox takes as it is: it cannot load compiled modules twice, and need not these."""

RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(*PASSED)

STOPS = (signal.SIGTERM, signal.SIGINT)

type Say = Callable[[str], None]


def work(cluster: Cluster, say: Say) -> None:
    """Join, and work until SIGTERM or SIGINT; what has begun by then is finished first.

    Raises FleetError where the cluster cannot be joined.
    """
    on_a_fast_loop(_work(cluster, say))


async def _work(cluster: Cluster, say: Say) -> None:
    client = await connected(cluster)
    async with OpenScans() as scans:
        worker = _worker(client, cluster.queue, ScanActivities(scans, say))
        running = asyncio.create_task(worker.run())
        say(f"joined {client.service_client.config.target_host}, queue {cluster.queue}")
        told = asyncio.create_task(_told_to_stop())
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            say("stopping: what has begun is finished first")
            await worker.shutdown()
        told.cancel()
        await running
    say("stopped")


def _worker(client: Client, queue: str, work: ScanActivities) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[ScanWorkflow, CaptainWorkflow],
        activities=[work.pool, work.decide],
        workflow_runner=SandboxedWorkflowRunner(restrictions=RESTRICTIONS),
        workflow_failure_exception_types=[Exception],  # a mistake of ours is told, not retried
        identity=f"{os.getpid()}@{socket.gethostname()}",
        max_concurrent_activities=AT_ONCE,
        disable_eager_activity_execution=True,  # a captain's supervisors go to whoever is free
        graceful_shutdown_timeout=LAST,
        sticky_queue_schedule_to_start_timeout=FORGOTTEN,
        max_heartbeat_throttle_interval=SEEN,
        default_heartbeat_throttle_interval=SEEN,
    )


async def _told_to_stop() -> None:
    """Return at the first signal to stop; the second ends the process at once."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        for one in STOPS:
            loop.remove_signal_handler(one)
        told.set()

    with contextlib.suppress(NotImplementedError):  # Windows: there, an interrupt is an exception
        for one in STOPS:
            loop.add_signal_handler(one, stop)
    await told.wait()
