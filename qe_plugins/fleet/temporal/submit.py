"""Run a scan on a cluster: start or join its workflow, wait, and store its result.

The workflow's id is the scan's, so a resumed scan joins the running one. The result is computed
here from the decisions and the ledger, in the same way as a replay, so it is the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from qe_plugins.errors import FleetError, ReplayMiss
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.lifecycle import Scan, run_on_uvloop
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.temporal.connection import Cluster, connect
from qe_plugins.fleet.temporal.payloads import ScanOutput, scan_input
from qe_plugins.fleet.temporal.progress import OnProgress, ProgressPoller
from qe_plugins.fleet.temporal.workflows import ScanWorkflow

SERVER_LOST = 60.0
"""Seconds without a response after which the server counts as lost."""

GONE = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)

type Say = Callable[[str], None]


def refuse_unreachable(cluster: Cluster) -> None:
    """Raise FleetError where the server does not answer, before anything is read or written."""
    asyncio.run(connect(cluster))


def run(
    scan: Scan, cluster: Cluster, *, say: Say, on_progress: OnProgress | None = None
) -> ScanResult:
    """Run a scan on a cluster to its end, or join it where it runs, and return its result.

    `say` is called with a notice such as missing workers, `on_progress` with the counts by rank.
    Raises FleetError where the server is lost or the scan failed; it can be resumed then.
    """
    ended = run_on_uvloop(_run_workflow(scan, cluster, say, on_progress))
    try:
        return lifecycle.collect(scan, ended.decisions, ended.seconds)
    except ReplayMiss as error:
        raise FleetError(
            "its answers are not in the ledger here.",
            where=f"scan {scan.scan_id}",
            hint="Workers and this process must share one QE_HOME.",
        ) from error


async def _run_workflow(
    scan: Scan, cluster: Cluster, say: Say, on_progress: OnProgress | None
) -> ScanOutput:
    client = await connect(cluster)
    handle = await _start_or_join(client, scan, cluster.queue)
    poller = ProgressPoller(client, handle, scan, cluster.queue, say, on_progress)
    polling = asyncio.create_task(poller.poll())
    try:
        return await _wait_for_result(handle, scan)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


async def _start_or_join(
    client: Client, scan: Scan, queue: str
) -> WorkflowHandle[ScanWorkflow, ScanOutput]:
    """Return the scan's workflow: the one that runs or has completed, or else a new one."""
    name = f"qe-{scan.scan_id}"
    try:
        return await client.start_workflow(
            ScanWorkflow.run,
            scan_input(scan.scan_id, scan.fleet),
            id=name,
            task_queue=queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle_for(ScanWorkflow.run, name)


async def _wait_for_result(
    handle: WorkflowHandle[ScanWorkflow, ScanOutput], scan: Scan
) -> ScanOutput:
    where, last_response = f"scan {scan.scan_id}", time.monotonic()
    hint = f"`qe fleet resume {scan.scan_id}` continues it."
    while True:
        try:
            return await handle.result(rpc_timeout=timedelta(seconds=20))
        except WorkflowFailureError as error:
            raise FleetError(f"failed: {_cause(error)}", where=where, hint=hint) from error
        except RPCError as error:
            if error.status not in GONE:
                raise FleetError(f"was lost: {error}.", where=where, hint=hint) from error
            if error.status is RPCStatusCode.DEADLINE_EXCEEDED:
                last_response = time.monotonic()
            if time.monotonic() - last_response > SERVER_LOST:
                message = f"no response from the server for {SERVER_LOST:g} s."
                raise FleetError(message, where=where, hint=hint) from error
            await asyncio.sleep(0.5)


def _cause(error: BaseException) -> str:
    """Return the message of the application error that caused a failure."""
    while error.__cause__ is not None and not isinstance(error, ApplicationError):
        error = error.__cause__
    message = error.message if isinstance(error, FailureError) else str(error)
    return " ".join(message.split())
