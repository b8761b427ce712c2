"""One scan in one process: every node a task on one loop, every parent with a deadline.

A parent waits for those under it until their rank's deadline and decides with what is there. Whom
it does without is kept before it asks its own model, so a scan that died decides the same again.
Below its quorum it asks nobody: its aggregate goes up, and does not count for the quorum above.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from qe_plugins.decisions import Role
from qe_plugins.fleet.aggregate import CONFLICT, Aggregate, Vote, absent, merge, pool
from qe_plugins.fleet.answers import Said, answer_type, said
from qe_plugins.fleet.asking import Questions
from qe_plugins.fleet.outcome import LATE, NO_QUORUM, Outcome
from qe_plugins.fleet.progress import Progress
from qe_plugins.fleet.render import Row
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.shelf import Decisions
from qe_plugins.fleet.slots import Slots
from qe_plugins.fleet.tree import Level, Node, Tree, rank_of, tree_of
from qe_plugins.llm.client import Client
from qe_plugins.llm.records import Request

AHEAD = 1.25
"""How many more workers than calls in flight are made ready, so that no slot waits for its text."""

GRACE = 0.25
"""Seconds that a parent waits beyond a deadline, in which an answer in time is handed over."""

type Heard = Callable[[Node, Outcome], None]


class Runtime:
    """Runs one tree. `heard` is called with each coordinator's outcome, in the order they end."""

    def __init__(
        self,
        fleet: Fleet,
        questions: Questions,
        client: Client,
        decisions: Decisions,
        *,
        heard: Heard = lambda node, outcome: None,
    ) -> None:
        self._fleet, self._questions, self._client = fleet, questions, client
        self._decisions, self._heard = decisions, heard
        self._tree: Tree = tree_of(fleet)
        self._began: float | None = None
        self.progress = Progress(self._tree.counts(), self.seconds)
        self.outcomes: dict[str, Outcome] = {}

    def seconds(self) -> float:
        """Return how long the scan has run; 0 before it has begun."""
        now = asyncio.get_running_loop().time()
        return now - (now if self._began is None else self._began)

    async def run(self) -> Outcome:
        """Return the desk's outcome; those of all other nodes are in `outcomes`.

        Raises what no node may survive, such as ReplayMiss; calls in flight are then cancelled.
        """
        self._began = asyncio.get_running_loop().time()
        self._slots = Slots(int(self._fleet.calls.concurrency * AHEAD) + 1)
        self._sent: set[asyncio.Task[Outcome]] = set()
        desk = await self._visit(Node(()))
        self.outcomes[desk.node] = desk
        return desk

    def in_order(self) -> list[Outcome]:
        """Return the outcome of every node, in the tree's order; those nobody waited for, too."""
        return [
            self.outcomes.get(node.id) or Outcome(node=node.id, missing=LATE)
            for node in self._tree.nodes()
        ]

    async def _visit(self, node: Node) -> Outcome:
        level = node.level
        outcome = Outcome(node=node.id, missing=LATE)
        try:
            if level is Level.WORKER:
                outcome = await self._worker(node)
            else:
                with self.progress.at_work(level):
                    outcome = await self._parent(node)
        finally:
            self.progress.end(level, failed=outcome.missing is not None)
        return outcome

    async def _worker(self, node: Node) -> Outcome:
        async with self._slots:
            if (task := asyncio.current_task()) is not None:
                self._sent.add(task)
            about = self._questions.task(node)
            request = self._questions.of_worker(node, about)
            with self.progress.at_work(Level.WORKER):
                answer, failure, key = await self._ask(node, request)
        return Outcome(node=node.id, target=about.target, answer=answer, missing=failure, key=key)

    async def _parent(self, node: Node) -> Outcome:
        under = self._tree.children(node)
        known = self._decisions.closed.get(node.id)
        arrived = await self._children(node, [one for one in under if _is_asked(one, known)])
        missing = known if known is not None else self._close(node, under, arrived)
        heard = [arrived[one.id] for one in under if _is_asked(one, missing)]
        whole = self._aggregate(node, heard, missing)
        self.outcomes |= {one: Outcome(node=one, missing=why) for one, why in missing.items()}
        self.outcomes |= {one.node: one for one in heard}
        if len(under) - len(missing) < rank_of(self._fleet, node.level).quorum * len(under):
            outcome = Outcome(node=node.id, aggregate=whole, missing=NO_QUORUM)
        else:
            outcome = await self._decide(node, heard, whole)
        if node.level is Level.COORDINATOR:
            self._heard(node, outcome)
        return outcome

    async def _children(self, parent: Node, asked: Sequence[Node]) -> dict[str, Outcome]:
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

    async def _by_deadline(self, tasks: Sequence[asyncio.Task[Outcome]], level: Level) -> None:
        left = rank_of(self._fleet, level).deadline + GRACE - self.seconds()
        done, _ = await asyncio.wait(
            tasks, timeout=max(left, 0), return_when=asyncio.FIRST_EXCEPTION
        )
        for task in done:
            task.result()  # what no node may survive is raised here

    def _close(
        self, node: Node, under: Sequence[Node], arrived: dict[str, Outcome]
    ) -> dict[str, str]:
        """Return whom a parent does without, and keep it before anything rests on it."""
        missing: dict[str, str] = {}
        for child in under:
            outcome = arrived.get(child.id)
            if outcome is None or outcome.missing is not None:
                missing[child.id] = LATE if outcome is None else str(outcome.missing)
        self._decisions.close(node.id, missing)
        return missing

    def _aggregate(
        self, node: Node, heard: Sequence[Outcome], missing: dict[str, str]
    ) -> Aggregate:
        if node.level is Level.SUPERVISOR:
            votes = [_vote(one) for one in heard]
            return pool(votes, Counter(missing.values()), self._fleet.correlation)
        each = self._tree.counts()[Level.WORKER] // self._tree.counts()[node.level.below]
        lost = [absent(each, why) for why in missing.values() if why != NO_QUORUM]
        return merge([one.aggregate for one in heard if one.aggregate], merge(lost))

    async def _decide(self, node: Node, heard: Sequence[Outcome], whole: Aggregate) -> Outcome:
        """Return a parent's outcome: its aggregate, and its model's answer where it is asked."""
        answer, key = None, None
        failure = self._decisions.silent.get(node.id)
        if failure is None and self._asks(node, whole):
            request = self._questions.of_parent(node, self._rows(node, heard), whole)
            answer, failure, key = await self._ask(node, request)
            if failure is not None:
                self._decisions.silence(node.id, failure)
        return Outcome(node=node.id, answer=answer, aggregate=whole, failure=failure, key=key)

    def _asks(self, node: Node, whole: Aggregate) -> bool:
        asks = rank_of(self._fleet, node.level).asks
        return asks == "always" or (asks == "conflict" and whole.conflict >= CONFLICT)

    def _rows(self, parent: Node, heard: Sequence[Outcome]) -> list[Row]:
        """Return what a parent reads of those under it; of workers only what they come to."""
        named = parent.level is Level.DESK
        return [
            Row(one.node, one.aggregate, one.answer, self._role(one.node) if named else None)
            for one in heard
            if one.aggregate is not None
        ]

    def _role(self, name: str) -> Role | None:
        node = self._tree.find(name)
        return self._questions.role(node) if node else None

    async def _ask(self, node: Node, request: Request) -> tuple[Said | None, str | None, str]:
        """Return the typed answer, why there is none, and the request's key."""
        kind = answer_type(node.level, self._questions.role(node))
        deadline = (self._began or 0.0) + rank_of(self._fleet, node.level).deadline
        settled = await self._client.ask(request, kind, deadline=deadline)
        if settled.failure is not None:
            return None, str(settled.failure), settled.key
        return said(settled.typed(kind)), None, settled.key


def _is_asked(child: Node, missing: dict[str, str] | None) -> bool:
    """Return whether a child is heard. One without its quorum is, though it does not count."""
    return missing is None or missing.get(child.id, NO_QUORUM) == NO_QUORUM


def _vote(worker: Outcome) -> Vote:
    answer = worker.answer
    assert answer is not None
    return Vote(worker.target, answer.score, answer.confidence, answer.reason)


async def _cancelled(tasks: Iterable[asyncio.Task[Outcome]]) -> None:
    """Cancel tasks and wait until they are gone."""
    every = list(tasks)
    for task in every:
        task.cancel()
    await asyncio.gather(*every, return_exceptions=True)
