"""A scan as it stands, also while it runs: each worker's state, from its files and the ledger.

A finished scan is read from its outcomes; one that runs, or was interrupted, from the calls in the
ledger and the decisions of its parents. Neither builds a request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from qe_plugins.fleet.aggregate import SIDE
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.scan.store import OUTCOMES, DecisionLog, ScanFolder
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, Node, Tree, level_of, tree_of
from qe_plugins.llm.ledger import Ledger, NodeCall
from qe_plugins.llm.ledger.records import dollars
from qe_plugins.plugins.types import Role


class ScanState(StrEnum):
    """Whether a scan has a result, or a process that will make one."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"


class WorkerState(StrEnum):
    """What became of a worker. SILENT answered with neither side, WAITING has not been asked."""

    LONG = "long"
    SHORT = "short"
    SILENT = "silent"
    FAILED = "failed"
    ASKED = "asked"
    WAITING = "waiting"


class SupervisorStrip(msgspec.Struct, frozen=True, kw_only=True):
    """The workers of one supervisor, in their order, and its own score where it has one."""

    node: str
    workers: tuple[WorkerState, ...]
    score: float | None

    @property
    def counts(self) -> dict[WorkerState, int]:
        """Return how many workers are in each state, without those that are in none."""
        return counts_of(self.workers)


class CoordinatorPart(msgspec.Struct, frozen=True, kw_only=True):
    """A coordinator with the strips of its supervisors; `coverage` is of all its workers."""

    node: str
    role: Role
    score: float | None
    coverage: float
    strips: tuple[SupervisorStrip, ...]


class ScanNow(msgspec.Struct, frozen=True, kw_only=True):
    """A scan on one screen. `usd` is what it cost so far, `in_doubt` what may be added to it.

    `asked` counts the nodes of all ranks that sent a call, `in_flight` those that wait for one.
    `last_ns` is when its last call ended (wall time, UTC nanoseconds). `failures` counts workers
    without an answer by reason.
    """

    scan_id: str
    name: str
    state: ScanState
    started: datetime
    nodes: int
    workers: int
    counts: dict[WorkerState, int]
    coverage: float
    asked: int
    in_flight: int
    usd: Decimal
    in_doubt: Decimal
    last_ns: int | None
    failures: dict[str, int]
    coordinators: tuple[CoordinatorPart, ...]
    result: ScanResult | None


def counts_of(states: tuple[WorkerState, ...]) -> dict[WorkerState, int]:
    """Return how many are in each state, in the order of the states."""
    found = Counter(states)
    return {state: found[state] for state in WorkerState if found[state]}


def state_of(folder: ScanFolder) -> ScanState:
    """Return whether a scan has finished, or runs. Raises FleetError for an unreadable result."""
    if folder.result() is not None:
        return ScanState.FINISHED
    return ScanState.INTERRUPTED if folder.abandoned() else ScanState.RUNNING


def progress(scan_id: str, folder: ScanFolder, ledger: Ledger) -> ScanNow:
    """Return a scan as it stands. Raises FleetError where its files cannot be read."""
    fleet, started = _described(scan_id, folder.path)
    tree, state, result = tree_of(fleet), state_of(folder), folder.result()
    calls = [] if result else ledger.states(scan_id)
    nodes = _of_outcomes(folder) if result else _of_calls(calls, folder.decisions(write=False))
    parts = tuple(_parts(fleet, tree, nodes))
    workers = tuple(state for part in parts for strip in part.strips for state in strip.workers)
    counts = counts_of(workers)
    return ScanNow(
        scan_id=scan_id,
        name=fleet.name,
        state=state,
        started=started,
        nodes=tree.size,
        workers=len(workers),
        counts=counts,
        coverage=result.coverage if result else round(_answered(counts) / len(workers), 6),
        asked=result.asked if result else len({call[0] for call in calls}),
        in_flight=sum(call[3] is None for call in calls),
        usd=result.usd if result else dollars(sum(call[4] for call in calls)),
        in_doubt=result.in_doubt if result else dollars(sum(call[5] for call in calls)),
        last_ns=max((call[3] or 0 for call in calls), default=0) or None,
        failures=result.failures if result else _failures(nodes),
        coordinators=parts,
        result=result,
    )


class NodeNow(NamedTuple):
    """A node at this moment: a worker's state, its score, and why it has no answer."""

    state: WorkerState
    score: float | None
    missing: str | None


WAITING = NodeNow(WorkerState.WAITING, None, None)
ASKED = NodeNow(WorkerState.ASKED, None, None)

type Nodes = Mapping[str, NodeNow]


class _Scored(msgspec.Struct):
    score: float


class _Line(msgspec.Struct):
    node: str
    answer: _Scored | None = None
    aggregate: _Scored | None = None
    missing: str | None = None


_lines = msgspec.json.Decoder(_Line)
_answers = msgspec.json.Decoder(_Scored)


@lru_cache(maxsize=64)
def _described(scan_id: str, path: Path) -> tuple[Fleet, datetime]:
    description = ScanFolder(path).description()
    return lifecycle.fleet_of(scan_id, description), description.started


def _of_outcomes(folder: ScanFolder) -> Nodes:
    found = {}
    for one in _lines.decode_lines((folder.path / OUTCOMES).read_bytes()):
        source = one.answer or one.aggregate
        found[one.node] = _node_now(source.score if source else None, one.missing)
    return found


def _of_calls(calls: Sequence[NodeCall], decisions: DecisionLog) -> Nodes:
    found = {}
    for node, answer, failure, *_ in calls:
        if answer is not None:
            found[node] = _node_now(_scored(answer), None)
        else:
            found[node] = ASKED if failure is None else _node_now(None, failure)
    for some in decisions.missing.values():
        found |= {node: _node_now(None, why) for node, why in some.items()}
    return found


def _node_now(score: float | None, missing: str | None) -> NodeNow:
    if missing is not None or score is None:
        return NodeNow(WorkerState.FAILED, score, missing)
    if score > SIDE:
        return NodeNow(WorkerState.LONG, score, None)
    return NodeNow(WorkerState.SHORT if score < -SIDE else WorkerState.SILENT, score, None)


def _scored(text: str) -> float | None:
    try:
        return _answers.decode(text).score
    except msgspec.DecodeError:  # recorded as it came, and not an answer of the type
        return None


def _failures(nodes: Nodes) -> dict[str, int]:
    found = Counter(
        one.missing or "no answer"
        for node, one in nodes.items()
        if one.state is WorkerState.FAILED and level_of(node) is Level.WORKER
    )
    return dict(sorted(found.items()))


def _parts(fleet: Fleet, tree: Tree, nodes: Nodes) -> Iterator[CoordinatorPart]:
    for node, settings in zip(tree.children(Node(())), fleet.coordinators, strict=True):
        strips = tuple(
            _strip(supervisor.id, tree.widths[-1], nodes)
            for captain in tree.children(node)
            for supervisor in tree.children(captain)
        )
        states = tuple(state for strip in strips for state in strip.workers)
        yield CoordinatorPart(
            node=node.id,
            role=settings.desk,
            score=nodes.get(node.id, WAITING).score,
            coverage=round(_answered(counts_of(states)) / len(states), 6),
            strips=strips,
        )


def _strip(supervisor: str, width: int, nodes: Nodes) -> SupervisorStrip:
    names = [f"{supervisor}.{number}" for number in range(1, width + 1)]
    return SupervisorStrip(
        node=supervisor,
        workers=tuple(nodes.get(name, WAITING).state for name in names),
        score=nodes.get(supervisor, WAITING).score,
    )


def _answered(counts: Mapping[WorkerState, int]) -> int:
    sides = (WorkerState.LONG, WorkerState.SHORT, WorkerState.SILENT)
    return sum(counts.get(state, 0) for state in sides)
