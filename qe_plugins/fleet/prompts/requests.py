"""The exact request of every node: who answers it, and its prompt as text.

A prompt masks what a model could recognise (instrument, time, price level): an answer about a
market that the model remembers is memory, not judgement. Text from outside appears as a quotation
only: bounded, on one line, and unable to end its own marks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.aggregate import Aggregate
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.answers import AnswerType, NodeAnswer, answer_type
from qe_plugins.fleet.prompts.files import captain_prompt
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.prompts.system import system_prompt
from qe_plugins.fleet.rank_models import provider_and_model
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tasks.lessons import read_lessons
from qe_plugins.fleet.tasks.news import read_news
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.fleet.tasks.task_list import (
    BacktestTask,
    ChainTask,
    OptionTask,
    Task,
    TaskList,
    WindowTask,
)
from qe_plugins.fleet.tree import Level, Node, Tree, rank_of, tree_of
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.requests import Request, schema_text
from qe_plugins.plugins.types import Role

NEWS, NAME, REASON = 200, 40, 280
"""The most characters of a headline, a name and a reason in a prompt."""

OPEN, CLOSE = "«", "»"


class TableRow(msgspec.Struct, frozen=True):
    """One child in a parent's table: its aggregate and, where its model answered, its answer."""

    node: str
    aggregate: Aggregate
    answer: NodeAnswer | None = None
    role: Role | None = None


class FixedPart(msgspec.Struct, frozen=True):
    """What all requests of a rank and a role share."""

    provider: str
    model: str
    system: str
    answer_type: AnswerType
    schema: str


class RequestBuilder:
    """The task of every worker and the request of every node of a fleet, about one market."""

    def __init__(self, fleet: Fleet, market: MarketSnapshot, news: Sequence[str] = ()) -> None:
        self._fleet, self._tree, self.as_of = fleet, tree_of(fleet), market.as_of
        self._roles = [one.desk for one in fleet.coordinators]
        self._lists = [TaskList(one.tasks, market) for one in fleet.coordinators]
        self._renderer = Renderer(Mask(market.instruments, fleet.mask_market), news)
        self._captains = [one.captains for one in fleet.coordinators]
        self._fixed = {
            (level, role, domain): _fixed_part(fleet, level, role, domain)
            for level in Level
            for role in {*self._roles, Role.SYNTHESIS}
            for domain in {"", *(one for names in self._captains for one in names)}
        }

    def task_counts(self) -> list[int]:
        """Return the number of tasks in each coordinator's list."""
        return [len(tasks) for tasks in self._lists]

    def role(self, node: Node) -> Role:
        """Return a node's role: that of its coordinator; the desk's is SYNTHESIS."""
        return self._roles[node.path[0] - 1] if node.path else Role.SYNTHESIS

    def domain(self, node: Node) -> str:
        """Return the domain of the captain that a node is or is under, empty without one."""
        captains = self._captains[node.path[0] - 1] if len(node.path) > 1 else []
        return captains[node.path[1] - 1] if captains else ""

    def node(self, node_id: str) -> Node:
        """Return the node of an id. Raises KeyError where the tree has none."""
        if (found := self._tree.find(node_id)) is None:
            raise KeyError(node_id)
        return found

    def answer_type(self, node: Node) -> AnswerType:
        """Return the type that a node's answer must have."""
        return self._fixed[node.level, self.role(node), ""].answer_type

    def task(self, worker: Node) -> Task:
        """Return a worker's task."""
        return self._lists[worker.path[0] - 1][self._tree.worker_number(worker)]

    def for_worker(self, worker: Node, task: Task) -> Request:
        """Return a worker's request."""
        return self._request(worker, self._renderer.task(task), task.id)

    def for_parent(self, node: Node, rows: Sequence[TableRow], total: Aggregate) -> Request:
        """Return a parent's request: a table of aggregates, no transcripts."""
        return self._request(node, self._renderer.table(rows, total), f"verdict {node.id}")

    def _request(self, node: Node, prompt: str, task_id: str) -> Request:
        role, level = self.role(node), node.level
        fixed = self._fixed[level, role, self.domain(node)]
        return Request(
            provider=fixed.provider,
            model=fixed.model,
            rank=level,
            role=role,
            node=node.id,
            task_id=task_id,
            system=fixed.system,
            prompt=prompt,
            schema_name=fixed.answer_type.__name__,
            schema=fixed.schema,
            max_tokens=rank_of(self._fleet, level).output_tokens,
            valid_for=self._fleet.answer_ttl,
        )


def _fixed_part(fleet: Fleet, level: Level, role: Role, domain: str) -> FixedPart:
    kind = answer_type(level, role)
    provider, model = provider_and_model(fleet, level, price_list())
    system = system_prompt(level, role)
    system = f"{system}\n\n{captain_prompt(domain)}" if domain else system
    return FixedPart(provider, model, system, kind, schema_text(kind))


class Renderer:
    """Writes prompts. `mask` hides what could be recognised; `news` are headlines from outside."""

    def __init__(self, mask: Mask, news: Sequence[str] = ()) -> None:
        self.mask, self._names = mask, dict[str, str]()
        self._news = "".join(f"\n{quoted('news', text, NEWS)}" for text in news)

    def task(self, task: Task) -> str:
        """Return a worker's prompt."""
        figures = "\n".join(
            f"{name}: {value:g}" for name, value in self.mask.facts(task.facts).items()
        )
        return f"{self._subject(task)}\n{figures}{self._news}"

    def table(self, rows: Sequence[TableRow], total: Aggregate) -> str:
        """Return a parent's prompt: a row per child, the total, candidates and dissent."""
        lines = [_HEAD, *(_table_line(row.role or row.node, row.aggregate) for row in rows)]
        lines += [_table_line("all", total), *self._verdicts(rows), "candidates:"]
        lines += [
            f"- {self._name(one.target)}: score={one.score:.3f} confidence={one.confidence:.2f} "
            f"votes={one.votes}"
            for one in total.candidates
        ]
        return "\n".join([*lines, *self._exceptions(total)])

    def _verdicts(self, rows: Sequence[TableRow]) -> list[str]:
        """Return a line for each child whose model answered."""
        return [
            f"{row.role or row.node} says: score={row.answer.score:.3f} "
            f"confidence={row.answer.confidence:.2f}{_guardian_fields(row.answer)} "
            f"{quoted('reason', row.answer.reason, REASON)}"
            for row in rows
            if row.answer is not None
        ]

    def _exceptions(self, total: Aggregate) -> list[str]:
        return [
            f"against the mean, {self._name(vote.target)}: score={vote.score:.3f} "
            f"{quoted('reason', vote.reason, REASON)}"
            for vote in total.exceptions
        ]

    def _name(self, target: str) -> str:
        if target not in self._names:
            shown = self.mask.shown(target)
            self._names[target] = shown if self.mask.enabled else quoted("name", shown, NAME)
        return self._names[target]

    def _subject(self, task: Task) -> str:
        match task:
            case WindowTask():
                return self._window(task)
            case OptionTask():
                return self._option(task)
            case ChainTask():
                return self._listed(task)
            case BacktestTask():
                return self._backtest(task)
        raise TypeError(f"no text for {type(task).__name__}")

    def _window(self, task: WindowTask) -> str:
        bars, mask = task.bars, self.mask
        title = f"Window of {self._name(task.target)}, {len(bars)} bars"
        return f"{title}\n{mask.time_of_day(task.ends)}{mask.table(bars)}"

    def _option(self, task: OptionTask) -> str:
        name, left = self.mask.name(task.instrument), f"{task.days} days left"
        if self.mask.enabled:
            return f"European {task.right} on {name}, {left}"
        strike = task.level * task.moneyness
        return f"European {task.right} on {quoted('name', name, NAME)}, strike {strike:.2f}, {left}"

    def _listed(self, task: ChainTask) -> str:
        """Return a listed option or spread: masked, without its strikes and its date."""
        name, left = self.mask.name(task.instrument), f"{task.days:.0f} days left"
        what = (
            "Listed" if len(task.symbols) == 1 else "Spread, one sold and one bought further out:"
        )
        if self.mask.enabled:
            return f"{what} {task.right} on {name}, {left}"
        symbols = ", ".join(quoted("name", one, NAME) for one in task.symbols)
        return f"{what} {task.right} {symbols} on {quoted('name', name, NAME)}, {left}"

    def _backtest(self, task: BacktestTask) -> str:
        averages = f"averages of {task.fast} and {task.slow}"
        return f"Cross of {averages} on {self._name(task.target)}, {task.bars} bars"


_HEAD = "group expected answered score spread conflict effective confidence"


def quoted(what: str, text: str, longest: int) -> str:
    """Return `text` as a quotation named `what`, of at most `longest` characters.

    Control and invisible characters become spaces, so that nothing in it can look like a new line,
    a new message or the end of the quotation.
    """
    plain = "".join(_plain(letter) for letter in unicodedata.normalize("NFKC", text))
    line = " ".join(plain.split())
    cut = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return f"{what} {OPEN}{cut}{CLOSE}"


def _plain(letter: str) -> str:
    if letter in (OPEN, CLOSE):
        return "'"
    return letter if unicodedata.category(letter)[0] in "LNPSM" else " "


def _table_line(group: str, one: Aggregate) -> str:
    return (
        f"{group} {one.expected} {one.answered} {one.score:.3f} {one.spread:.3f} "
        f"{one.conflict:.2f} {one.effective:.2f} {one.confidence:.2f}"
    )


def _guardian_fields(answer: NodeAnswer) -> str:
    if answer.halt is None or answer.risk is None:
        return ""
    return f" halt={str(answer.halt).lower()} risk={answer.risk:.2f}"


def outside_texts(fleet: Fleet, moment: int) -> tuple[str, ...]:
    """Return the newest headlines and lessons of a fleet that were known at a moment (UTC ns)."""
    return (*headlines(fleet, moment), *lesson_texts(fleet, moment))


def headlines(fleet: Fleet, moment: int) -> tuple[str, ...]:
    """Return the newest headlines of a fleet's file that were published by a moment (UTC ns)."""
    return read_news(Path(fleet.news), moment) if fleet.news else ()


def lesson_texts(fleet: Fleet, moment: int) -> tuple[str, ...]:
    """Return the newest lessons of a fleet's file that were known at a moment (UTC ns)."""
    return read_lessons(Path(fleet.lessons), moment) if fleet.lessons else ()


def refuse_short_lists(loaded: LoadedFleet, requests: RequestBuilder) -> None:
    """Raise FleetError where a coordinator has fewer tasks than workers."""
    workers = workers_per_coordinator(tree_of(loaded.fleet))
    for number, tasks in enumerate(requests.task_counts()):
        if tasks < workers:
            raise FleetError(
                f"the list has {tasks:,} tasks for {workers:,} workers.",
                where=loaded.where("coordinators", str(number), "tasks"),
                hint="Name more timeframes, windows or parameters, or seat fewer workers.",
            )


def workers_per_coordinator(tree: Tree) -> int:
    """Return the number of workers under each coordinator."""
    return tree.counts()[Level.WORKER] // tree.widths[0]
