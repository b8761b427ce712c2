"""One node of a scan as plain data: its answer, its children, and its exact request."""

from __future__ import annotations

from typing import Any

from qe_plugins.errors import FleetError
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.tree import Level, Node, tree_of
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.requests import request_key
from qe_plugins.plugins.types import Role


def node_view(scan: Scan, text: str) -> dict[str, Any]:
    """Return all that is stored about a node. Raises FleetError where the tree has no such node."""
    node = tree_of(scan.fleet).find(text)
    if node is None:
        raise FleetError(
            f"no node '{text}'.",
            where=f"scan {scan.scan_id}",
            hint="Write desk, 2, 2.4, 2.4.1 or 2.4.1.37: a number a rank.",
        )
    known = scan.folder.outcomes()
    if not known:
        raise FleetError(
            "has not finished.",
            where=f"scan {scan.scan_id}",
            hint=f"Run `qe fleet resume {scan.scan_id}` first."
            if scan.folder.abandoned()
            else "It is running: wait for its end.",
        )
    outcome = known[node.id]
    return {
        "scan_id": scan.scan_id,
        "node": node.id,
        "rank": node.level,
        "role": scan.requests.role(node),
        **_answer_fields(outcome),
        "task": _task(scan, node),
        "children": [
            _child_row(known[child.id], scan.requests.role(child))
            for child in tree_of(scan.fleet).children(node)
        ],
        **_request_fields(scan, node, outcome),
    }


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
