"""What a worker process does for a scan: run a supervisor's workers, ask a parent's model.

Both may be done again, by any process: what was answered is in the ledger, and is not asked twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from qe_plugins.errors import QeError
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.runner import ScanRunner, asked
from qe_plugins.fleet.scan.store import ParentDecision
from qe_plugins.fleet.temporal.open_scans import OpenScans
from qe_plugins.fleet.temporal.payloads import (
    DECIDE,
    POOL,
    ParentInput,
    SubtreeResult,
    SupervisorInput,
)
from qe_plugins.fleet.tree import Node, rank_of, tree_of

EVERY = 1.0
"""Seconds between two signs of life."""


class ScanActivities:
    """The activities of one process. `say` is told what was done, a line each."""

    def __init__(self, scans: OpenScans, say: Callable[[str], None]) -> None:
        self._scans, self._say = scans, say

    @activity.defn(name=POOL)
    async def pool(self, order: SupervisorInput) -> SubtreeResult:
        """Run a supervisor's workers, and return what they come to."""
        began = _now() - order.elapsed
        async with _alive(), self._scans.use(order.scan) as opened:
            scan, node = opened.scan, _node(opened.scan, order.node)
            kept = scan.folder.decisions(keep=False)
            runtime = ScanRunner(scan.fleet, scan.questions, opened.client, kept)
            whole, missing = await runtime.pooled(node, began, order.calls)
            asks = opened.parents.request(node, [], whole) is not None
        answered = whole.aggregate.answered if whole.aggregate else 0
        self._tell(order.scan, whole, f"{answered} of {answered + len(missing)} workers answered")
        closing = ParentDecision(node=node.id, missing=missing)
        return SubtreeResult(outcome=whole, decisions=(closing,), asks=asks)

    @activity.defn(name=DECIDE)
    async def decide(self, order: ParentInput) -> NodeOutcome:
        """Put together what a parent heard, ask its model where it asks, and return its outcome."""
        began = _now() - order.elapsed
        async with _alive(), self._scans.use(order.scan) as opened:
            scan, node = opened.scan, _node(opened.scan, order.node)
            whole = order.whole or opened.parents.pooled(node, order.heard, order.missing)
            request = opened.parents.request(node, order.heard, whole)
            if request is None:
                return whole
            deadline = began + rank_of(scan.fleet, node.level).deadline
            role = scan.questions.role(node)
            spoken = await asked(opened.client, node, role, request, deadline)
        outcome = spoken.of_parent(whole)
        self._tell(order.scan, outcome, "decided")
        return outcome

    def _tell(self, scan: str, outcome: NodeOutcome, what: str) -> None:
        why = outcome.missing or outcome.failure
        self._say(f"{scan} {outcome.node} {what}{f', {why}' if why else ''}")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _node(scan: Scan, name: str) -> Node:
    node = tree_of(scan.fleet).find(name)
    assert node is not None
    return node


@asynccontextmanager
async def _alive() -> AsyncIterator[None]:
    """Give signs of life meanwhile. An error ends the scan: only a lost process is tried again."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    except Exception as error:
        kind = type(error).__name__
        said = str(error) if isinstance(error, QeError) else f"{kind}: {error}"
        raise ApplicationError(said, type=kind, non_retryable=True) from error
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        await asyncio.sleep(EVERY)
        activity.heartbeat()
