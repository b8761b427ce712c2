"""A node's exact request: who answers it, on which words, with which type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qe_plugins.errors import FleetError
from qe_plugins.fleet.aggregate import Aggregate
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.answers import answer_type
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.prompts.system import system
from qe_plugins.fleet.prompts.user import Renderer, TableRow
from qe_plugins.fleet.rank_models import served
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tasks.news import read_news
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.fleet.tasks.task_list import Task, TaskList
from qe_plugins.fleet.tree import Level, Node, Tree, rank_of, tree_of
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.requests import Request, schema_text
from qe_plugins.plugins.types import Role


class RequestBuilder:
    """What a fleet asks about one market: the task of every worker, the request of every node."""

    def __init__(self, fleet: Fleet, market: MarketSnapshot, news: Sequence[str] = ()) -> None:
        self._fleet, self._tree, self.as_of = fleet, tree_of(fleet), market.as_of
        self._lists = [TaskList(one.tasks, market) for one in fleet.coordinators]
        self._renderer = Renderer(Mask(market.instruments, fleet.mask_market), news)
        self._served = {level: served(fleet, level, price_list()) for level in Level}

    def listed(self) -> list[int]:
        """Return how many tasks each coordinator's list has."""
        return [len(tasks) for tasks in self._lists]

    def role(self, node: Node) -> Role:
        """Return the role that a node has: its coordinator's; the desk puts together."""
        return self._fleet.coordinators[node.path[0] - 1].desk if node.path else Role.SYNTHESIS

    def task(self, worker: Node) -> Task:
        """Return what a worker is asked about."""
        return self._lists[worker.path[0] - 1][self._tree.seat(worker)]

    def of_worker(self, worker: Node, task: Task) -> Request:
        """Return a worker's request."""
        return self._request(worker, self._renderer.task(task), task.id)

    def of_parent(self, node: Node, rows: Sequence[TableRow], whole: Aggregate) -> Request:
        """Return a parent's request: a table of aggregates, no transcripts."""
        return self._request(node, self._renderer.table(rows, whole), f"verdict {node.id}")

    def _request(self, node: Node, prompt: str, task_id: str) -> Request:
        role, level = self.role(node), node.level
        provider, model = self._served[level]
        kind = answer_type(level, role)
        return Request(
            provider=provider,
            model=model,
            rank=level,
            role=role,
            node=node.id,
            task_id=task_id,
            system=system(level, role),
            prompt=prompt,
            schema_name=kind.__name__,
            schema=schema_text(kind),
            max_tokens=rank_of(self._fleet, level).output_tokens,
            valid_for=self._fleet.answer_ttl,
        )


def headlines(fleet: Fleet, market: MarketSnapshot) -> tuple[str, ...]:
    """Return the newest headlines of a fleet's `news:` as of the market's moment."""
    return read_news(Path(fleet.news), market.as_of) if fleet.news else ()


def refuse_short_lists(loaded: LoadedFleet, asked: RequestBuilder) -> None:
    """Raise FleetError where a coordinator has fewer tasks than workers."""
    seats = workers_each(tree_of(loaded.fleet))
    for number, listed in enumerate(asked.listed()):
        if listed < seats:
            raise FleetError(
                f"the list has {listed:,} tasks for {seats:,} workers.",
                where=loaded.where("coordinators", str(number), "tasks"),
                hint="Name more timeframes, windows or parameters, or seat fewer workers.",
            )


def workers_each(tree: Tree) -> int:
    """Return how many workers a coordinator has."""
    return tree.counts()[Level.WORKER] // tree.widths[0]
