"""One scan in one process: every node a task on one loop, every parent with a deadline.

A parent waits for those under it until their rank's deadline and decides with what is there. Whom
it does without is kept before it asks its own model, so a scan that died decides the same again.
Below its quorum it asks nobody: its aggregate goes up, and does not count for the quorum above.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from qe_plugins.errors import FleetError, ModelError
from qe_plugins.fleet.prompts.answers import NodeAnswer, answer_type, said
from qe_plugins.fleet.prompts.requests import RequestBuilder
from qe_plugins.fleet.scan.admission import FairSemaphore
from qe_plugins.fleet.scan.decisions import ParentRules, closed, is_heard
from qe_plugins.fleet.scan.outcome import LATE, NodeOutcome
from qe_plugins.fleet.scan.progress import ScanProgress
from qe_plugins.fleet.scan.store import DecisionLog
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.fleet.tasks.snapshot_process import import_others
from qe_plugins.fleet.tree import Level, Node, Tree, rank_of, tree_of
from qe_plugins.llm.client.client import Client
from qe_plugins.llm.requests import Request
from qe_plugins.plugins.types import Role


class ModelAnswer(msgspec.Struct, frozen=True):
    """What a model had to say to the request of a `key`; without an answer there is a failure."""

    answer: NodeAnswer | None
    failure: str | None
    key: str

    def of_parent(self, whole: NodeOutcome) -> NodeOutcome:
        """Return a parent's outcome with what its model said."""
        return msgspec.structs.replace(
            whole, answer=self.answer, failure=self.failure, key=self.key
        )


async def asked(
    client: Client, node: Node, role: Role, request: Request, deadline: float
) -> ModelAnswer:
    """Return what a node's model says by a time of the loop's clock.

    Raises as `Client.ask`, and ModelError or FleetError where a provider answers no call at all.
    """
    kind = answer_type(node.level, role)
    settled = await client.ask(request, kind, deadline=deadline)
    if settled.failure is not None:
        refuse_halted(client)
        return ModelAnswer(None, str(settled.failure), settled.key)
    return ModelAnswer(said(settled.typed(kind)), None, settled.key)


def refuse_halted(client: Client) -> None:
    """Raise ModelError where a provider gets no more calls, FleetError where that may pass."""
    if (halt := client.halt) is not None:
        kind = ModelError if halt.lasting else FleetError
        raise kind(halt.message, where=halt.where, hint=halt.hint)


AHEAD = 1.25
"""How many more workers than calls in flight are made ready, so that no slot waits for its text."""

GRACE = 0.25
"""Seconds that a parent waits beyond a deadline, in which an answer in time is handed over."""

type Heard = Callable[[Node, NodeOutcome], None]


class ScanRunner:
    """Runs one tree. `heard` is called with each coordinator's outcome, in the order they end."""

    def __init__(
        self,
        fleet: Fleet,
        questions: RequestBuilder,
        client: Client,
        decisions: DecisionLog,
        *,
        heard: Heard = lambda node, outcome: None,
    ) -> None:
        self.fleet, self._questions, self._client = fleet, questions, client
        self._decisions, self._heard = decisions, heard
        self._tree: Tree = tree_of(fleet)
        self._parents = ParentRules(fleet, questions)
        self._slots = FairSemaphore(int(fleet.calls.concurrency * AHEAD) + 1)
        self._sent: set[asyncio.Task[NodeOutcome]] = set()
        self._began: float | None = None
        self.progress = ScanProgress(self._tree.counts(), self.seconds)
        self.outcomes: dict[str, NodeOutcome] = {}

    def seconds(self) -> float:
        """Return how long the scan has run; 0 before it has begun."""
        now = asyncio.get_running_loop().time()
        return now - (now if self._began is None else self._began)

    async def run(self) -> NodeOutcome:
        """Return the desk's outcome; those of all other nodes are in `outcomes`.

        Raises what no node may survive, such as ReplayMiss; calls in flight are then cancelled.
        """
        self._began = asyncio.get_running_loop().time()
        desk = await self._visit(Node(()))
        self.outcomes[desk.node] = desk
        return desk

    async def pooled(
        self, supervisor: Node, began: float, slots: int
    ) -> tuple[NodeOutcome, dict[str, str]]:
        """Return what one supervisor's workers come to, and whom it does without.

        Deadlines count from `began`, a time of the loop's clock; `slots` of the workers are made
        ready at once. The supervisor's own model is not asked.
        """
        self._began, self._slots = began, FairSemaphore(slots)
        heard, missing = await self._gathered(supervisor)
        return self._parents.pooled(supervisor, heard, missing), missing

    def in_order(self) -> list[NodeOutcome]:
        """Return the outcome of every node, in the tree's order; those nobody waited for, too."""
        return [
            self.outcomes.get(node.id) or NodeOutcome(node=node.id, missing=LATE)
            for node in self._tree.nodes()
        ]

    async def _visit(self, node: Node) -> NodeOutcome:
        level = node.level
        outcome = NodeOutcome(node=node.id, missing=LATE)
        try:
            if level is Level.WORKER:
                outcome = await self._worker(node)
            else:
                with self.progress.at_work(level):
                    outcome = await self._parent(node)
        finally:
            self.progress.end(level, failed=outcome.missing is not None)
        return outcome

    async def _worker(self, node: Node) -> NodeOutcome:
        async with self._slots:
            if (task := asyncio.current_task()) is not None:
                self._sent.add(task)
            about = self._questions.task(node)
            request = self._questions.of_worker(node, about)
            with self.progress.at_work(Level.WORKER):
                spoken = await self._ask(node, request)
        return NodeOutcome(
            node=node.id,
            target=about.target,
            answer=spoken.answer,
            missing=spoken.failure,
            key=spoken.key,
        )

    async def _parent(self, node: Node) -> NodeOutcome:
        heard, missing = await self._gathered(node)
        self.outcomes |= {one: NodeOutcome(node=one, missing=why) for one, why in missing.items()}
        self.outcomes |= {one.node: one for one in heard}
        outcome = await self._decided(node, heard, self._parents.pooled(node, heard, missing))
        if node.level is Level.COORDINATOR:
            self._heard(node, outcome)
        return outcome

    async def _gathered(self, node: Node) -> tuple[list[NodeOutcome], dict[str, str]]:
        """Return who is heard, and whom a parent does without: that is kept before it is used."""
        under = self._tree.children(node)
        known = self._decisions.closed.get(node.id)
        arrived = await self._children(node, [one for one in under if is_heard(one, known)])
        missing = known
        if missing is None:
            missing = closed(under, arrived)
            self._decisions.close(node.id, missing)
        return [arrived[one.id] for one in under if is_heard(one, missing)], missing

    async def _children(self, parent: Node, asked: Sequence[Node]) -> dict[str, NodeOutcome]:
        """Return what those asked said by their deadline. A worker still in line is sent home."""
        if not asked:
            return {}
        tasks = [asyncio.create_task(self._visit(child)) for child in asked]
        try:
            await self._by_deadline(tasks, asked[0].level)
        except BaseException:
            await _cancelled(tasks)
            raise
        if parent.level is Level.SUPERVISOR:
            await _cancelled(one for one in tasks if not one.done() and one not in self._sent)
        else:
            await _cancelled(one for one in tasks if not one.done())
        self._sent.difference_update(tasks)
        done = [one.result() for one in tasks if one.done() and not one.cancelled()]
        return {one.node: one for one in done}

    async def _by_deadline(self, tasks: Sequence[asyncio.Task[NodeOutcome]], level: Level) -> None:
        left = rank_of(self.fleet, level).deadline + GRACE - self.seconds()
        while True:
            done, pending = await asyncio.wait(
                tasks, timeout=max(left, 0), return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()  # what no node may survive is raised here
            left = self._client.grace() if pending else 0
            if not left:
                return
            left += GRACE  # the process was suspended: what has arrived is read first

    async def _decided(
        self, node: Node, heard: Sequence[NodeOutcome], whole: NodeOutcome
    ) -> NodeOutcome:
        """Return a parent's outcome: its aggregate, and its model's answer where it is asked."""
        if (failure := self._decisions.silent.get(node.id)) is not None:
            return msgspec.structs.replace(whole, failure=failure)
        request = self._parents.request(node, heard, whole)
        if request is None:
            return whole
        spoken = await self._ask(node, request)
        if spoken.failure is not None:
            self._decisions.silence(node.id, spoken.failure)
        return spoken.of_parent(whole)

    async def _ask(self, node: Node, request: Request) -> ModelAnswer:
        deadline = (self._began or 0.0) + rank_of(self.fleet, node.level).deadline
        return await asked(self._client, node, self._questions.role(node), request, deadline)


async def _cancelled(tasks: Iterable[asyncio.Task[NodeOutcome]]) -> None:
    """Cancel tasks and wait until they are gone."""
    every = list(tasks)
    for task in every:
        task.cancel()
    await asyncio.gather(*every, return_exceptions=True)


type Watch = Callable[[ScanRunner, Client], Coroutine[Any, Any, None]]
"""Shows a running scan until it is cancelled."""

EVERY = 0.1
"""Seconds between two looks whether a call has been answered."""


@asynccontextmanager
async def watched(watch: Watch | None, runtime: ScanRunner, client: Client) -> AsyncIterator[None]:
    """Have a scan shown while the block runs."""
    watcher = asyncio.create_task(watch(runtime, client)) if watch else None
    try:
        yield
    finally:
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


async def import_ahead(runtime: ScanRunner, client: Client) -> None:
    """Import the SDKs of the upper ranks once the first call is answered and others are waited for.

    Before, it would hold up the first call; when they are first asked, it would hold up the end.
    """
    while not client.stats.answered:
        await asyncio.sleep(EVERY)
    import_others(runtime.fleet)


async def unless_stopped(runtime: ScanRunner, stop: StopRequest) -> NodeOutcome:
    """Return the desk's outcome. Raises Stopped on request; calls in flight then go on."""
    loop, work = asyncio.get_running_loop(), asyncio.create_task(runtime.run())
    try:
        with stop.tells(lambda: loop.call_soon_threadsafe(work.cancel)):
            return await work
    except asyncio.CancelledError:
        work.cancel()
        if not stop.requested:
            raise
    raise Stopped
