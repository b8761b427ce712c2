"""A scan as workflows: one for the scan, a child for each captain, an activity a supervisor.

Nothing here asks, reads a clock but the workflow's, or touches a file: after a crash the same code
runs over the same history, and must do the same again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from qe_plugins.fleet.temporal.payloads import ScanInput, SubtreeResult
from qe_plugins.fleet.tree import Level

GRACE = 1.0
"""Seconds beyond a deadline in which an answer in time is handed over, by way of a server."""

UNSEEN = 5.0
"""Seconds after which a deadline that nobody noticed passed while no worker or server was there."""


class WorkflowClock:
    """When a scan began, by the workflow's time. It begins anew where nobody saw a deadline pass.

    That is what a resumed scan does in one process: a machine that was down makes nobody late.
    """

    def __init__(self, order: ScanInput, began: float | None = None) -> None:
        self._order = order
        self.began = workflow.time() if began is None else began

    def elapsed(self) -> float:
        """Return the seconds so far."""
        return workflow.time() - self.began

    def left(self, level: Level) -> float:
        """Return the seconds until a rank's deadline, at least none."""
        return max(0.0, self._order.deadlines[level] - self.elapsed())

    async def arrived(
        self, level: Level, work: Mapping[str, asyncio.Task[SubtreeResult]]
    ) -> dict[str, SubtreeResult]:
        """Return what those of a rank had to say by their deadline; the others are sent home.

        Raises what no node may survive.
        """
        tasks = list(work.values())
        while True:
            due = self.began + self._order.deadlines[level] + GRACE
            done, pending = await workflow.wait(
                tasks,
                timeout=max(0.0, due - workflow.time()),
                return_when=asyncio.FIRST_EXCEPTION,
            )
            for task in done:
                task.result()
            if not pending or workflow.time() - due < UNSEEN:
                break
            self.began = workflow.time()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return {name: task.result() for name, task in work.items() if task in done}


with workflow.unsafe.imports_passed_through():
    from qe_plugins.fleet.scan.decisions import closed, is_heard
    from qe_plugins.fleet.scan.outcome import NodeOutcome
    from qe_plugins.fleet.scan.store import ParentDecision
    from qe_plugins.fleet.temporal.payloads import (
        DECIDE,
        POOL,
        PROGRESS,
        SPOKEN,
        CaptainInput,
        ParentInput,
        RankCount,
        ScanInput,
        ScanOutput,
        SubtreeResult,
        SupervisorInput,
    )
    from qe_plugins.fleet.tree import Level, Node

BEAT = timedelta(seconds=6)
"""Without a sign of life for so long an activity is given to another process."""

SPARE = 30.0
"""Seconds beyond a rank's deadline after which an activity is given up for stuck."""

AGAIN = RetryPolicy(initial_interval=timedelta(seconds=0.2), maximum_interval=timedelta(seconds=2))


@workflow.defn(name="scan")
class ScanWorkflow:
    """The desk and its coordinators."""

    def __init__(self) -> None:
        self._spoken: list[NodeOutcome] = []
        self._counts = {level: [0, 0, 0] for level in Level}

    @workflow.run
    async def run(self, order: ScanInput) -> ScanOutput:
        """Return every decision of the scan, and how long it took."""
        began = workflow.time()
        self._order, self._clock = order, WorkflowClock(order)
        self._captains = asyncio.Semaphore(order.split.captains)
        self._count(Level.DESK, open=1)
        desk = Node(())
        under = order.tree.children(desk)
        work = {node.id: asyncio.create_task(self._coordinator(node)) for node in under}
        arrived = await self._clock.arrived(Level.COORDINATOR, work)
        told = await decided(order, self._clock, desk, arrived)
        self._count(Level.DESK, open=-1, done=1)
        return ScanOutput(decisions=told.decisions, seconds=round(workflow.time() - began, 3))

    @workflow.query(name=SPOKEN)
    def spoken(self) -> list[NodeOutcome]:
        """Return what the coordinators that have decided came to, in the order they did."""
        return self._spoken

    @workflow.query(name=PROGRESS)
    def progress(self) -> dict[Level, RankCount]:
        """Return how far each rank is; captains are counted with all that is under them."""
        return {level: RankCount(*counts) for level, counts in self._counts.items()}

    async def _coordinator(self, node: Node) -> SubtreeResult:
        self._count(Level.COORDINATOR, open=1)
        under = self._order.tree.children(node)
        work = {one.id: asyncio.create_task(self._captain(one)) for one in under}
        arrived = await self._clock.arrived(Level.CAPTAIN, work)
        told = await decided(self._order, self._clock, node, arrived)
        self._spoken.append(told.outcome)
        missing = told.outcome.missing is not None
        self._count(Level.COORDINATOR, open=-1, done=not missing, failed=missing)
        return told

    async def _captain(self, node: Node) -> SubtreeResult:
        """Return what a captain's workflow comes to; its id makes it the same one ever after."""
        async with self._captains:
            self._count(Level.CAPTAIN, open=1)
            told = await workflow.execute_child_workflow(
                CaptainWorkflow.run,
                CaptainInput(order=self._order, node=node.id, began=self._clock.began),
                id=f"{workflow.info().workflow_id}/{node.id}",
            )
        self._count_under(node, told)
        return told

    def _count(self, level: Level, open: int = 0, done: int = 0, failed: int = 0) -> None:  # noqa: A002
        counts = self._counts[level]
        counts[0] += open
        counts[1] += done
        counts[2] += failed

    def _count_under(self, captain: Node, told: SubtreeResult) -> None:
        missing = told.outcome.missing is not None
        self._count(Level.CAPTAIN, open=-1, done=not missing, failed=missing)
        supervisors = self._order.tree.widths[2]
        closings = {one.node: one.missing for one in told.decisions if one.missing is not None}
        lost = len(closings.get(captain.id, ()))
        self._count(Level.SUPERVISOR, done=supervisors - lost, failed=lost)
        whole = told.outcome.aggregate
        if whole is not None:
            silent = whole.expected - whole.answered
            self._count(Level.WORKER, done=whole.answered, failed=silent)


@workflow.defn(name="captain")
class CaptainWorkflow:
    """One captain and its supervisors."""

    @workflow.run
    async def run(self, captain: CaptainInput) -> SubtreeResult:
        """Return what the captain hands up."""
        order = captain.order
        self._order, self._clock = order, WorkflowClock(order, captain.began)
        self._supervisors = asyncio.Semaphore(order.split.supervisors)
        node = order.tree.find(captain.node)
        assert node is not None
        under = order.tree.children(node)
        work = {one.id: asyncio.create_task(self._supervisor(one)) for one in under}
        arrived = await self._clock.arrived(Level.SUPERVISOR, work)
        return await decided(order, self._clock, node, arrived)

    async def _supervisor(self, node: Node) -> SubtreeResult:
        """Return what a supervisor's workers come to and, where it asks, its model's answer."""
        async with self._supervisors:
            told: SubtreeResult = await workflow.execute_activity(
                POOL,
                SupervisorInput(
                    scan=self._order.scan,
                    node=node.id,
                    elapsed=self._clock.elapsed(),
                    calls=self._order.split.calls,
                ),
                result_type=SubtreeResult,
                start_to_close_timeout=_within(self._clock, Level.WORKER),
                heartbeat_timeout=BEAT,
                retry_policy=AGAIN,
            )
            if not told.asks:
                return told
            outcome = await _asked(
                self._clock,
                node.level,
                ParentInput(
                    scan=self._order.scan,
                    node=node.id,
                    elapsed=self._clock.elapsed(),
                    whole=told.outcome,
                ),
            )
        return SubtreeResult(outcome=outcome, decisions=(*told.decisions, *_silences(outcome)))


async def decided(
    order: ScanInput, clock: WorkflowClock, node: Node, arrived: dict[str, SubtreeResult]
) -> SubtreeResult:
    """Return what a parent hands up. Whom it does without is in the history before it asks."""
    under = order.tree.children(node)
    missing = closed(under, {name: told.outcome for name, told in arrived.items()})
    outcome = await _asked(
        clock,
        node.level,
        ParentInput(
            scan=order.scan,
            node=node.id,
            elapsed=clock.elapsed(),
            heard=tuple(arrived[one.id].outcome for one in under if is_heard(one, missing)),
            missing=missing,
        ),
    )
    below = [decision for told in arrived.values() for decision in told.decisions]
    closing = ParentDecision(node=node.id, missing=missing)
    return SubtreeResult(outcome=outcome, decisions=(*below, closing, *_silences(outcome)))


async def _asked(clock: WorkflowClock, level: Level, order: ParentInput) -> NodeOutcome:
    outcome: NodeOutcome = await workflow.execute_activity(
        DECIDE,
        order,
        result_type=NodeOutcome,
        start_to_close_timeout=_within(clock, level),
        heartbeat_timeout=BEAT,
        retry_policy=AGAIN,
    )
    return outcome


def _silences(outcome: NodeOutcome) -> list[ParentDecision]:
    if outcome.failure is None:
        return []
    return [ParentDecision(node=outcome.node, failure=outcome.failure)]


def _within(clock: WorkflowClock, level: Level) -> timedelta:
    return timedelta(seconds=clock.left(level) + SPARE)
