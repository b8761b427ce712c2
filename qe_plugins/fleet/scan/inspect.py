"""One node of a scan as plain data: its answer, who is under it, and its exact request."""

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
    """Return what a scan knows of a node. Raises FleetError for one that the tree does not have."""
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
            if scan.folder.was_left()
            else "It is running: wait for its end.",
        )
    outcome = known[node.id]
    return {
        "scan_id": scan.scan_id,
        "node": node.id,
        "rank": node.level,
        "role": scan.questions.role(node),
        **_said(outcome),
        "task": _task(scan, node),
        "children": [
            _line(known[child.id], scan.questions.role(child))
            for child in tree_of(scan.fleet).children(node)
        ],
        **_asked(scan, node, outcome),
    }


def _said(outcome: NodeOutcome) -> dict[str, Any]:
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


def _line(outcome: NodeOutcome, role: Role) -> dict[str, Any]:
    spoke = outcome.answer or outcome.aggregate
    return {
        "node": outcome.node,
        "role": role,
        "target": outcome.target or None,
        "score": spoke.score if spoke else None,
        "confidence": spoke.confidence if spoke else None,
        "coverage": outcome.aggregate.coverage if outcome.aggregate else None,
        "missing": outcome.missing,
    }


def _task(scan: Scan, node: Node) -> dict[str, Any] | None:
    if node.level is not Level.WORKER:
        return None
    task = scan.questions.task(node)
    return {"id": task.id, "target": task.target, "ends": task.ends, "facts": task.facts}


def _asked(scan: Scan, node: Node, outcome: NodeOutcome) -> dict[str, Any]:
    """Return the exact request and what the ledger says of it; nothing where none was sent.

    A worker without an answer was asked all the same, unless its turn never came.
    """
    key, request = outcome.key, None
    if key is None and node.level is Level.WORKER:
        request = scan.questions.of_worker(node, scan.questions.task(node))
        key = request_key(request)
    if key is None:
        return {"key": None, "request": None, "settled": None}
    with Ledger() as ledger:
        known, settled = ledger.request(key), ledger.used(scan.scan_id, key)
    return {"key": key, "request": known or request, "settled": settled}
