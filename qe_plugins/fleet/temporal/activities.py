"""Activities of a worker process: run a supervisor's workers, ask a parent's model.

Both may be repeated by any process: recorded answers are in the ledger and are not asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import activity

from qe_plugins.cluster.heartbeats import heartbeats
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.runner import ScanRunner, ask_model
from qe_plugins.fleet.scan.store import ParentDecision
from qe_plugins.fleet.temporal.open_scans import OpenScans
from qe_plugins.fleet.temporal.payloads import (
    DECIDE,
    POOL,
    ParentInput,
    SubtreeResult,
    SupervisorInput,
)
from qe_plugins.fleet.tree import Node, rank_of, tree_of


class ScanActivities:
    """The activities of one process. `log` is called with a line for each that ended."""

    def __init__(self, scans: OpenScans, log: Callable[[str], None]) -> None:
        self._scans, self._log = scans, log

    @activity.defn(name=POOL)
    async def pool(self, job: SupervisorInput) -> SubtreeResult:
        """Run a supervisor's workers, and return their aggregate."""
        began = _now() - job.elapsed
        async with heartbeats(), self._scans.use(job.scan) as opened:
            scan, node = opened.scan, _find_node(opened.scan, job.node)
            decisions = scan.folder.decisions(write=False)
            runner = ScanRunner(scan.fleet, scan.requests, opened.client, decisions)
            outcome, missing = await runner.run_supervisor(node, began, job.calls)
            asks = opened.rules.request(node, [], outcome) is not None
        answered = outcome.aggregate.answered if outcome.aggregate else 0
        self._log_outcome(
            job.scan, outcome, f"{answered} of {answered + len(missing)} workers answered"
        )
        decision = ParentDecision(node=node.id, missing=missing)
        return SubtreeResult(outcome=outcome, decisions=(decision,), asks=asks)

    @activity.defn(name=DECIDE)
    async def decide(self, job: ParentInput) -> NodeOutcome:
        """Aggregate a parent's children, ask its model where it has one, return its outcome."""
        began = _now() - job.elapsed
        async with heartbeats(), self._scans.use(job.scan) as opened:
            scan, node = opened.scan, _find_node(opened.scan, job.node)
            aggregate = job.aggregate or opened.rules.aggregate(node, job.included, job.missing)
            request = opened.rules.request(node, job.included, aggregate)
            if request is None:
                return aggregate
            deadline = began + rank_of(scan.fleet, node.level).deadline
            kind = scan.requests.answer_type(node)
            answer = await ask_model(opened.client, request, kind, deadline)
        outcome = answer.with_verdict(aggregate)
        self._log_outcome(job.scan, outcome, "decided")
        return outcome

    def _log_outcome(self, scan: str, outcome: NodeOutcome, what: str) -> None:
        why = outcome.missing or outcome.failure
        self._log(f"{scan} {outcome.node} {what}{f', {why}' if why else ''}")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _find_node(scan: Scan, name: str) -> Node:
    node = tree_of(scan.fleet).find(name)
    assert node is not None
    return node
