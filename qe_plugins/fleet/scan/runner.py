"""Run the tree of one scan in one process: every node is a task, every rank has a deadline.

A parent waits for its children until their rank's deadline and decides with the answers that have
arrived. The children it does without are recorded before its own model is asked, so a scan that is
resumed after a crash decides the same. Below its quorum a parent asks no model: its aggregate is
passed up and does not count towards the quorum above.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from qe_plugins.errors import FleetError, ModelError
from qe_plugins.fleet.prompts.answers import AnswerType, NodeAnswer
from qe_plugins.fleet.prompts.requests import RequestBuilder
from qe_plugins.fleet.scan.decisions import ParentRules, is_included, missing_children
from qe_plugins.fleet.scan.outcome import LATE, NodeOutcome
from qe_plugins.fleet.scan.store import DecisionLog
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, Node, Tree, rank_of, tree_of
from qe_plugins.llm.client.client import Client
from qe_plugins.llm.requests import Request

PER_TURN = 40
"""Tasks that a FairSemaphore admits in one turn of the loop."""

AHEAD = 1.25
"""Workers prepared per call that may be in flight, so that no call waits for its prompt."""

GRACE = 0.25
"""Seconds that a parent waits beyond a deadline for answers that arrived in time."""

type OnCoordinator = Callable[[Node, NodeOutcome], None]


class ModelAnswer(msgspec.Struct, frozen=True):
    """What a model answered to the request of a `key`; without an answer there is a `failure`."""

    answer: NodeAnswer | None
    failure: str | None
    key: str

    def with_verdict(self, outcome: NodeOutcome) -> NodeOutcome:
        """Return a parent's outcome with its model's answer or failure added."""
        return msgspec.structs.replace(
            outcome, answer=self.answer, failure=self.failure, key=self.key
        )


async def ask_model(
    client: Client, request: Request, kind: AnswerType, deadline: float
) -> ModelAnswer:
    """Return a model's answer of type `kind` by `deadline`, a time of the loop's clock.

    Raises what `Client.ask` raises, and ModelError or FleetError where the provider is halted.
    """
    answer = await client.ask(request, kind, deadline=deadline)
    if answer.failure is not None:
        raise_if_halted(client)
        return ModelAnswer(None, str(answer.failure), answer.key)
    typed = msgspec.convert(answer.typed(kind), NodeAnswer, from_attributes=True)
    return ModelAnswer(typed, None, answer.key)


def raise_if_halted(client: Client) -> None:
    """Raise ModelError where a provider gets no more calls, FleetError where that may pass."""
    if (halt := client.halt) is not None:
        kind = ModelError if halt.lasting else FleetError
        raise kind(halt.message, where=halt.where, hint=halt.hint)


class RankCounts(msgspec.Struct):
    """Nodes of one rank: in total, being worked on, done and failed."""

    total: int
    open: int = 0
    done: int = 0
    failed: int = 0

    def eta(self, seconds: float) -> float | None:
        """Return the seconds left at the rate of the first `seconds`; None before the first end."""
        ended = self.done + self.failed
        return seconds * (self.total - ended) / ended if ended else None


class ScanProgress:
    """Counts by rank. `clock` returns the seconds since the scan began."""

    def __init__(self, totals: Mapping[Level, int], clock: Callable[[], float]) -> None:
        self.ranks = {level: RankCounts(total) for level, total in totals.items()}
        self.clock = clock

    def eta(self) -> float | None:
        """Return the seconds left at least: those of the rank that needs longest at its rate.

        None before the first node has ended. The ranks above it wait for it and need more.
        """
        left = [counts.eta(self.clock()) for counts in self.ranks.values()]
        return max((one for one in left if one is not None), default=None)

    @contextmanager
    def at_work(self, level: Level) -> Iterator[None]:
        """Count a node as worked on within the block; one that waits for its turn is not."""
        self.ranks[level].open += 1
        try:
            yield
        finally:
            self.ranks[level].open -= 1

    def end(self, level: Level, *, failed: bool) -> None:
        """Count a node as done or as failed."""
        counts = self.ranks[level]
        if failed:
            counts.failed += 1
        else:
            counts.done += 1


class FairSemaphore:
    """At most `count` tasks inside, in the order of arrival. An async context manager.

    At most PER_TURN tasks enter per turn of the loop: a thousand that began together would go
    through every stage together, the processor idle while all wait. `asyncio.Semaphore.release`
    looks through all that wait; with 6,000 of them that is most of the time of a replay.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._queue: deque[asyncio.Future[None]] = deque()
        self._admitting = False
        self._entered = 0  # in this turn, without those that have left again

    async def __aenter__(self) -> None:
        if self._free and not self._queue and self._entered < PER_TURN:
            self._enter()
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._admit_soon()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # admitted, and cancelled before it could run
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _enter(self) -> None:
        self._free -= 1
        self._entered += 1
        self._admit_soon()

    def _leave(self) -> None:
        self._free += 1
        self._entered = max(self._entered - 1, 0)
        self._admit_soon()

    def _admit_soon(self) -> None:
        if not self._admitting and (self._entered or (self._free and self._queue)):
            self._admitting = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        """Begin a turn: admit the first of the queue."""
        self._admitting, self._entered = False, 0
        while self._free and self._queue and self._entered < PER_TURN:
            turn = self._queue.popleft()
            if not turn.done():
                self._enter()
                turn.set_result(None)


class ScanRunner:
    """Runs one tree. `on_coordinator` is called with each coordinator's outcome as it ends."""

    def __init__(
        self,
        fleet: Fleet,
        requests: RequestBuilder,
        client: Client,
        decisions: DecisionLog,
        *,
        on_coordinator: OnCoordinator = lambda node, outcome: None,
    ) -> None:
        self.fleet, self._requests, self._client = fleet, requests, client
        self._decisions, self._on_coordinator = decisions, on_coordinator
        self._tree: Tree = tree_of(fleet)
        self._rules = ParentRules(fleet, requests)
        self._slots = FairSemaphore(int(fleet.calls.concurrency * AHEAD) + 1)
        self._admitted: set[asyncio.Task[NodeOutcome]] = set()
        self._began: float | None = None
        self.progress = ScanProgress(self._tree.counts(), self.seconds)
        self.outcomes: dict[str, NodeOutcome] = {}

    def seconds(self) -> float:
        """Return the seconds since the scan began; 0 before."""
        now = asyncio.get_running_loop().time()
        return now - (now if self._began is None else self._began)

    async def run(self) -> NodeOutcome:
        """Return the desk's outcome; those of all other nodes are in `outcomes`.

        Raises errors that end the whole scan, such as ReplayMiss; calls in flight are cancelled.
        """
        self._began = asyncio.get_running_loop().time()
        desk = await self._run_node(Node(()))
        self.outcomes[desk.node] = desk
        return desk

    async def run_supervisor(
        self, supervisor: Node, began: float, slots: int
    ) -> tuple[NodeOutcome, dict[str, str]]:
        """Return the aggregate of one supervisor's workers, and the workers missing with reasons.

        Deadlines count from `began`, a time of the loop's clock; `slots` workers are prepared at
        once. The supervisor's own model is not asked.
        """
        self._began, self._slots = began, FairSemaphore(slots)
        included, missing = await self._collect_children(supervisor)
        return self._rules.aggregate(supervisor, included, missing), missing

    def outcomes_in_order(self) -> list[NodeOutcome]:
        """Return the outcome of every node in the tree's order; a node without one is late."""
        return [
            self.outcomes.get(node.id) or NodeOutcome(node=node.id, missing=LATE)
            for node in self._tree.nodes()
        ]

    async def _run_node(self, node: Node) -> NodeOutcome:
        level = node.level
        outcome = NodeOutcome(node=node.id, missing=LATE)
        try:
            if level is Level.WORKER:
                outcome = await self._run_worker(node)
            else:
                with self.progress.at_work(level):
                    outcome = await self._run_parent(node)
        finally:
            self.progress.end(level, failed=outcome.missing is not None)
        return outcome

    async def _run_worker(self, node: Node) -> NodeOutcome:
        async with self._slots:
            if (current := asyncio.current_task()) is not None:
                self._admitted.add(current)
            task = self._requests.task(node)
            request = self._requests.for_worker(node, task)
            with self.progress.at_work(Level.WORKER):
                answer = await self._ask(node, request)
        return NodeOutcome(
            node=node.id,
            target=task.target,
            answer=answer.answer,
            missing=answer.failure,
            key=answer.key,
        )

    async def _run_parent(self, node: Node) -> NodeOutcome:
        included, missing = await self._collect_children(node)
        self.outcomes |= {one: NodeOutcome(node=one, missing=why) for one, why in missing.items()}
        self.outcomes |= {one.node: one for one in included}
        aggregate = self._rules.aggregate(node, included, missing)
        outcome = await self._decide(node, included, aggregate)
        if node.level is Level.COORDINATOR:
            self._on_coordinator(node, outcome)
        return outcome

    async def _collect_children(self, node: Node) -> tuple[list[NodeOutcome], dict[str, str]]:
        """Return the children included, and those missing: recorded before they are used."""
        children = self._tree.children(node)
        known = self._decisions.missing.get(node.id)
        arrived = await self._run_children(node, [c for c in children if is_included(c, known)])
        missing = known
        if missing is None:
            missing = missing_children(children, arrived)
            self._decisions.record_missing(node.id, missing)
        return [arrived[one.id] for one in children if is_included(one, missing)], missing

    async def _run_children(self, parent: Node, children: Sequence[Node]) -> dict[str, NodeOutcome]:
        """Return the outcomes by their deadline. A worker that was not admitted is cancelled."""
        if not children:
            return {}
        tasks = [asyncio.create_task(self._run_node(child)) for child in children]
        try:
            await self._wait_for_deadline(tasks, children[0].level)
        except BaseException:
            await _cancel(tasks)
            raise
        if parent.level is Level.SUPERVISOR:
            await _cancel(one for one in tasks if not one.done() and one not in self._admitted)
        else:
            await _cancel(one for one in tasks if not one.done())
        self._admitted.difference_update(tasks)
        done = [one.result() for one in tasks if one.done() and not one.cancelled()]
        return {one.node: one for one in done}

    async def _wait_for_deadline(
        self, tasks: Sequence[asyncio.Task[NodeOutcome]], level: Level
    ) -> None:
        left = rank_of(self.fleet, level).deadline + GRACE - self.seconds()
        while True:
            done, pending = await asyncio.wait(
                tasks, timeout=max(left, 0), return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()  # raises an error that ends the whole scan
            left = self._client.grace() if pending else 0
            if not left:
                return
            left += GRACE  # the process was suspended: read what has arrived first

    async def _decide(
        self, node: Node, included: Sequence[NodeOutcome], aggregate: NodeOutcome
    ) -> NodeOutcome:
        """Return a parent's outcome: its aggregate, and its model's answer where it is asked."""
        if (failure := self._decisions.failures.get(node.id)) is not None:
            return msgspec.structs.replace(aggregate, failure=failure)
        request = self._rules.request(node, included, aggregate)
        if request is None:
            return aggregate
        answer = await self._ask(node, request)
        if answer.failure is not None:
            self._decisions.record_failure(node.id, answer.failure)
        return answer.with_verdict(aggregate)

    async def _ask(self, node: Node, request: Request) -> ModelAnswer:
        deadline = (self._began or 0.0) + rank_of(self.fleet, node.level).deadline
        return await ask_model(self._client, request, self._requests.answer_type(node), deadline)


async def _cancel(tasks: Iterable[asyncio.Task[NodeOutcome]]) -> None:
    """Cancel tasks and wait until they have ended."""
    every = list(tasks)
    for task in every:
        task.cancel()
    await asyncio.gather(*every, return_exceptions=True)
