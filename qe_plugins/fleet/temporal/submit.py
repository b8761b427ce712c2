"""A scan on a cluster, from the process that wants it: begin or join it, wait, put it on the shelf.

The workflow's id is the scan's, so whoever resumes a scan joins the one that runs. What ends it is
worked out here, from the decisions and the ledger: the same way as a replay, so the same answer.
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
from qe_plugins.fleet.scan.lifecycle import Scan, on_a_fast_loop
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.temporal.connection import Cluster, connected
from qe_plugins.fleet.temporal.payloads import ScanOutput, order_of
from qe_plugins.fleet.temporal.progress import Listener, Look
from qe_plugins.fleet.temporal.workflows import ScanWorkflow

PATIENCE = 60.0
"""Seconds without a word from the server after which it is gone."""

GONE = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)

type Say = Callable[[str], None]


def refuse_unreachable(cluster: Cluster) -> None:
    """Raise FleetError where no server answers, before anything is read or written."""
    asyncio.run(connected(cluster))


def run(scan: Scan, cluster: Cluster, *, say: Say, look: Look | None = None) -> ScanResult:
    """Run a scan on a cluster to its end, or join it where it runs, and return what came of it.

    `say` is told what stands in the way, `look` how far it is. Raises FleetError where the server
    is lost or the scan failed; it can be resumed then.
    """
    ended = on_a_fast_loop(_ended(scan, cluster, say, look))
    try:
        return lifecycle.gather(scan, ended.decisions, ended.seconds)
    except ReplayMiss as error:
        raise FleetError(
            "its answers are not in the ledger here.",
            where=f"scan {scan.scan_id}",
            hint="Workers and this process must share one QE_HOME.",
        ) from error


async def _ended(scan: Scan, cluster: Cluster, say: Say, look: Look | None) -> ScanOutput:
    client = await connected(cluster)
    handle = await _begun(client, scan, cluster.queue)
    listener = Listener(client, handle, scan, cluster.queue, say, look)
    listening = asyncio.create_task(listener.listen())
    try:
        return await _result(handle, scan)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _begun(
    client: Client, scan: Scan, queue: str
) -> WorkflowHandle[ScanWorkflow, ScanOutput]:
    """Return the scan's workflow: the one that runs or has ended well, or else a new one."""
    name = f"qe-{scan.scan_id}"
    try:
        return await client.start_workflow(
            ScanWorkflow.run,
            order_of(scan.scan_id, scan.fleet),
            id=name,
            task_queue=queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle_for(ScanWorkflow.run, name)


async def _result(handle: WorkflowHandle[ScanWorkflow, ScanOutput], scan: Scan) -> ScanOutput:
    where, heard = f"scan {scan.scan_id}", time.monotonic()
    hint = f"`qe fleet resume {scan.scan_id}` goes on with it."
    while True:
        try:
            return await handle.result(rpc_timeout=timedelta(seconds=20))
        except WorkflowFailureError as error:
            raise FleetError(f"failed: {_cause(error)}", where=where, hint=hint) from error
        except RPCError as error:
            if error.status not in GONE:
                raise FleetError(f"was lost: {error}.", where=where, hint=hint) from error
            if error.status is RPCStatusCode.DEADLINE_EXCEEDED:
                heard = time.monotonic()
            if time.monotonic() - heard > PATIENCE:
                said = f"the server has said nothing for {PATIENCE:g} s."
                raise FleetError(said, where=where, hint=hint) from error
            await asyncio.sleep(0.5)


def _cause(error: BaseException) -> str:
    """Return the message of the error of ours that a failure began with."""
    while error.__cause__ is not None and not isinstance(error, ApplicationError):
        error = error.__cause__
    said = error.message if isinstance(error, FailureError) else str(error)
    return " ".join(said.split())
