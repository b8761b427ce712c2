"""A scan as workflows: one for the scan, a child per captain, an activity per supervisor.

Code here calls no model, reads no clock but the workflow's and touches no file: after a crash it
runs again over the same history, and must do the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from qe_plugins.fleet.scan.decisions import is_included, missing_children
    from qe_plugins.fleet.scan.outcome import NodeOutcome
    from qe_plugins.fleet.scan.store import ParentDecision
    from qe_plugins.fleet.temporal.payloads import (
        DECIDE,
        DECIDED,
        POOL,
        PROGRESS,
        CaptainInput,
        ParentInput,
        RankCount,
        ScanInput,
        ScanOutput,
        SubtreeResult,
        SupervisorInput,
    )
    from qe_plugins.fleet.tree import Level, Node

GRACE = 1.0
"""Seconds beyond a deadline for answers that arrived in time to pass through the server."""

DOWNTIME = 5.0
"""Seconds past a deadline from which the cluster must have been down when it passed."""


class WorkflowClock:
    """The start of a scan in workflow time. It restarts where the cluster was down at a deadline.

    A scan resumed in one process does the same: downtime makes no answer late.
    """

    def __init__(self, scan: ScanInput, began: float | None = None) -> None:
        self._scan = scan
        self.began = workflow.time() if began is None else began

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return workflow.time() - self.began

    def left(self, level: Level) -> float:
        """Return the seconds until a rank's deadline, at least 0."""
        return max(0.0, self._scan.deadlines[level] - self.elapsed())

    async def arrived(
        self, level: Level, work: Mapping[str, asyncio.Task[SubtreeResult]]
    ) -> dict[str, SubtreeResult]:
        """Return the results of a rank by its deadline; the others are cancelled.

        Raises errors that end the whole scan.
        """
        tasks = list(work.values())
        while True:
            due = self.began + self._scan.deadlines[level] + GRACE
            done, pending = await workflow.wait(
                tasks,
                timeout=max(0.0, due - workflow.time()),
                return_when=asyncio.FIRST_EXCEPTION,
            )
            for task in done:
                task.result()
            if not pending or workflow.time() - due < DOWNTIME:
                break
            self.began = workflow.time()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return {name: task.result() for name, task in work.items() if task in done}


HEARTBEAT_TIMEOUT = timedelta(seconds=6)
"""Time without a heartbeat after which an activity is given to another process."""

SPARE = 30.0
"""Seconds beyond a rank's deadline after which an activity counts as stuck."""

RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=0.2), maximum_interval=timedelta(seconds=2)
)


@workflow.defn(name="scan")
class ScanWorkflow:
    """The desk and its coordinators."""

    def __init__(self) -> None:
        self._decided: list[NodeOutcome] = []
        self._counts = {level: [0, 0, 0] for level in Level}

    @workflow.run
    async def run(self, scan: ScanInput) -> ScanOutput:
        """Return every decision of the scan, and how long it took."""
        began = workflow.time()
        self._scan, self._clock = scan, WorkflowClock(scan)
        self._captains = asyncio.Semaphore(scan.split.captains)
        self._count(Level.DESK, open=1)
        desk = Node(())
        children = scan.tree.children(desk)
        work = {one.id: asyncio.create_task(self._run_coordinator(one)) for one in children}
        arrived = await self._clock.arrived(Level.COORDINATOR, work)
        result = await decide(scan, self._clock, desk, arrived)
        self._count(Level.DESK, open=-1, done=1)
        return ScanOutput(decisions=result.decisions, seconds=round(workflow.time() - began, 3))

    @workflow.query(name=DECIDED)
    def decided(self) -> list[NodeOutcome]:
        """Return the outcomes of coordinators that have decided, in that order."""
        return self._decided

    @workflow.query(name=PROGRESS)
    def progress(self) -> dict[Level, RankCount]:
        """Return the counts of each rank; nodes under a captain are counted when it ends."""
        return {level: RankCount(*counts) for level, counts in self._counts.items()}

    async def _run_coordinator(self, node: Node) -> SubtreeResult:
        self._count(Level.COORDINATOR, open=1)
        children = self._scan.tree.children(node)
        work = {one.id: asyncio.create_task(self._run_captain(one)) for one in children}
        arrived = await self._clock.arrived(Level.CAPTAIN, work)
        result = await decide(self._scan, self._clock, node, arrived)
        self._decided.append(result.outcome)
        missing = result.outcome.missing is not None
        self._count(Level.COORDINATOR, open=-1, done=not missing, failed=missing)
        return result

    async def _run_captain(self, node: Node) -> SubtreeResult:
        """Return the result of a captain's workflow; a repeated start joins the one with its id."""
        async with self._captains:
            self._count(Level.CAPTAIN, open=1)
            result = await workflow.execute_child_workflow(
                CaptainWorkflow.run,
                CaptainInput(scan=self._scan, node=node.id, began=self._clock.began),
                id=f"{workflow.info().workflow_id}/{node.id}",
            )
        self._count_subtree(node, result)
        return result

    def _count(self, level: Level, open: int = 0, done: int = 0, failed: int = 0) -> None:  # noqa: A002
        counts = self._counts[level]
        counts[0] += open
        counts[1] += done
        counts[2] += failed

    def _count_subtree(self, captain: Node, result: SubtreeResult) -> None:
        missing = result.outcome.missing is not None
        self._count(Level.CAPTAIN, open=-1, done=not missing, failed=missing)
        supervisors = self._scan.tree.widths[2]
        decided = {one.node: one.missing for one in result.decisions if one.missing is not None}
        lost = len(decided.get(captain.id, ()))
        self._count(Level.SUPERVISOR, done=supervisors - lost, failed=lost)
        workers = result.outcome.aggregate
        if workers is not None:
            failed = workers.expected - workers.answered
            self._count(Level.WORKER, done=workers.answered, failed=failed)


@workflow.defn(name="captain")
class CaptainWorkflow:
    """One captain and its supervisors."""

    @workflow.run
    async def run(self, captain: CaptainInput) -> SubtreeResult:
        """Return the captain's result."""
        scan = captain.scan
        self._scan, self._clock = scan, WorkflowClock(scan, captain.began)
        self._supervisors = asyncio.Semaphore(scan.split.supervisors)
        node = scan.tree.find(captain.node)
        assert node is not None
        children = scan.tree.children(node)
        work = {one.id: asyncio.create_task(self._run_supervisor(one)) for one in children}
        arrived = await self._clock.arrived(Level.SUPERVISOR, work)
        return await decide(scan, self._clock, node, arrived)

    async def _run_supervisor(self, node: Node) -> SubtreeResult:
        """Return the aggregate of a supervisor's workers and, where it asks, its model's answer."""
        async with self._supervisors:
            result: SubtreeResult = await workflow.execute_activity(
                POOL,
                SupervisorInput(
                    scan=self._scan.scan,
                    node=node.id,
                    elapsed=self._clock.elapsed(),
                    calls=self._scan.split.calls,
                ),
                result_type=SubtreeResult,
                start_to_close_timeout=_activity_timeout(self._clock, Level.WORKER),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
            )
            if not result.asks:
                return result
            outcome = await _decide_parent(
                self._clock,
                node.level,
                ParentInput(
                    scan=self._scan.scan,
                    node=node.id,
                    elapsed=self._clock.elapsed(),
                    aggregate=result.outcome,
                ),
            )
        return SubtreeResult(outcome=outcome, decisions=(*result.decisions, *_failures(outcome)))


async def decide(
    scan: ScanInput, clock: WorkflowClock, node: Node, arrived: dict[str, SubtreeResult]
) -> SubtreeResult:
    """Return a parent's result. Missing children enter the history before its model is asked."""
    children = scan.tree.children(node)
    missing = missing_children(children, {one: got.outcome for one, got in arrived.items()})
    outcome = await _decide_parent(
        clock,
        node.level,
        ParentInput(
            scan=scan.scan,
            node=node.id,
            elapsed=clock.elapsed(),
            included=tuple(
                arrived[one.id].outcome for one in children if is_included(one, missing)
            ),
            missing=missing,
        ),
    )
    below = [decision for result in arrived.values() for decision in result.decisions]
    own = ParentDecision(node=node.id, missing=missing)
    return SubtreeResult(outcome=outcome, decisions=(*below, own, *_failures(outcome)))


async def _decide_parent(clock: WorkflowClock, level: Level, job: ParentInput) -> NodeOutcome:
    outcome: NodeOutcome = await workflow.execute_activity(
        DECIDE,
        job,
        result_type=NodeOutcome,
        start_to_close_timeout=_activity_timeout(clock, level),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRIES,
    )
    return outcome


def _failures(outcome: NodeOutcome) -> list[ParentDecision]:
    if outcome.failure is None:
        return []
    return [ParentDecision(node=outcome.node, failure=outcome.failure)]


def _activity_timeout(clock: WorkflowClock, level: Level) -> timedelta:
    return timedelta(seconds=clock.left(level) + SPARE)
