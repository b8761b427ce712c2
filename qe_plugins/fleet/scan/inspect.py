"""One node of a scan as plain data: its answer, its children, and its exact request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.prompts.answers import NodeAnswer
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.progress import state_of
from qe_plugins.fleet.scan.store import DecisionLog
from qe_plugins.fleet.tree import Level, Node, level_of, tree_of
from qe_plugins.llm.ledger import LastCall, Ledger
from qe_plugins.llm.requests import request_key
from qe_plugins.plugins.types import Role


def node_view(scan: Scan, text: str) -> dict[str, Any]:
    """Return all that is stored about a node, also while its scan runs.

    Raises FleetError where the tree has no such node.
    """
    node = tree_of(scan.fleet).find(text)
    if node is None:
        raise FleetError(
            f"no node '{text}'.",
            where=f"scan {scan.scan_id}",
            hint="Write desk, 2, 2.4, 2.4.1 or 2.4.1.37: a number a rank.",
        )
    known = scan.folder.outcomes() or _so_far(scan)
    outcome = known.get(node.id, NodeOutcome(node=node.id))
    return {
        "scan_id": scan.scan_id,
        "node": node.id,
        "rank": node.level,
        "role": scan.requests.role(node),
        "state": state_of(scan.folder),
        **_answer_fields(outcome),
        "task": _task(scan, node),
        "children": [
            _child_row(known.get(child.id, NodeOutcome(node=child.id)), scan.requests.role(child))
            for child in tree_of(scan.fleet).children(node)
        ],
        **_request_fields(scan, node, outcome),
    }


def _so_far(scan: Scan) -> dict[str, NodeOutcome]:
    """Return what a scan that runs or was interrupted has so far; no aggregate is among it."""
    with Ledger() as ledger:
        calls = ledger.nodes(scan.scan_id)
    return _outcomes(calls, scan.folder.decisions(write=False))


def _outcomes(calls: Mapping[str, LastCall], decisions: DecisionLog) -> dict[str, NodeOutcome]:
    given_up = {node: why for some in decisions.missing.values() for node, why in some.items()}
    found = {}
    for node in [*calls, *(given_up.keys() - calls.keys())]:
        call = calls.get(node)
        failure = decisions.failures.get(node)
        missing = given_up.get(node)
        if call is not None and call.answer is None and call.failure is not None:
            failure = failure or call.failure
            missing = missing or (call.failure if level_of(node) is Level.WORKER else None)
        answer = None if call is None or call.answer is None else _answer(call.answer)
        found[node] = NodeOutcome(
            node=node,
            answer=None if missing else answer,
            missing=missing,
            failure=failure,
            key=None if call is None else call.key,
        )
    return found


def _answer(text: str) -> NodeAnswer | None:
    try:
        return msgspec.json.decode(text, type=NodeAnswer)
    except msgspec.DecodeError:  # recorded as it came, and not an answer of the type
        return None


def _answer_fields(outcome: NodeOutcome) -> dict[str, Any]:
    whole = outcome.aggregate
    figures = {"coverage": whole.coverage, "conflict": whole.conflict} if whole else {}
    return {
        "answer": outcome.answer,
        "missing": outcome.missing,
        "failure": outcome.failure,
        "aggregate": whole,
        **figures,
        "effective": whole.effective if whole else None,
    }


def _child_row(outcome: NodeOutcome, role: Role) -> dict[str, Any]:
    source = outcome.answer or outcome.aggregate
    return {
        "node": outcome.node,
        "role": role,
        "target": outcome.target or None,
        "score": source.score if source else None,
        "confidence": source.confidence if source else None,
        "coverage": outcome.aggregate.coverage if outcome.aggregate else None,
        "missing": outcome.missing,
    }


def _task(scan: Scan, node: Node) -> dict[str, Any] | None:
    if node.level is not Level.WORKER:
        return None
    task = scan.requests.task(node)
    return {"id": task.id, "target": task.target, "ends": task.ends, "facts": task.facts}


def _request_fields(scan: Scan, node: Node, outcome: NodeOutcome) -> dict[str, Any]:
    """Return the exact request and its ledger entry; None for both where none was sent.

    A worker without an answer has a request as well, unless it was never admitted.
    """
    key, request = outcome.key, None
    if key is None and node.level is Level.WORKER:
        request = scan.requests.for_worker(node, scan.requests.task(node))
        key = request_key(request)
    if key is None:
        return {"key": None, "request": None, "settled": None}
    with Ledger() as ledger:
        known, settled = ledger.request(key), ledger.used(scan.scan_id, key)
    return {"key": key, "request": known or request, "settled": settled}
