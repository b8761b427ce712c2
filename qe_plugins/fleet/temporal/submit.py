"""Run a scan on a cluster: start or join its workflow, wait, and store its result.

The workflow's id is the scan's, so a resumed scan joins the running one. The result is computed
here from the decisions and the ledger, in the same way as a replay, so it is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from qe_plugins.cluster.connection import Cluster, connect
from qe_plugins.cluster.waiting import result_of, start_or_join
from qe_plugins.errors import FleetError, ReplayMiss
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.lifecycle import Scan, run_on_uvloop
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.temporal.payloads import ScanOutput, scan_input
from qe_plugins.fleet.temporal.progress import OnProgress, ProgressPoller
from qe_plugins.fleet.temporal.workflows import ScanWorkflow

type Say = Callable[[str], None]


def run(
    scan: Scan, cluster: Cluster, *, say: Say, on_progress: OnProgress | None = None
) -> ScanResult:
    """Run a scan on a cluster to its end, or join it where it runs, and return its result.

    `say` is called with a notice such as missing workers, `on_progress` with the counts by rank.
    Raises ClusterError where the server is lost or the scan failed, which can be resumed then.
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
    handle = await start_or_join(
        client,
        ScanWorkflow.run,
        scan_input(scan.scan_id, scan.fleet),
        f"qe-{scan.scan_id}",
        cluster.queue,
    )
    poller = ProgressPoller(client, handle, scan, cluster.queue, say, on_progress)
    polling = asyncio.create_task(poller.poll())
    try:
        hint = f"`qe fleet resume {scan.scan_id}` continues it."
        return await result_of(handle, f"scan {scan.scan_id}", hint)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
