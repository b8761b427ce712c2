"""Calls in doubt of processes that have ended: settled on resume, or by `qe fleet settle`."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qe_plugins.errors import FleetError
from qe_plugins.fleet.scan import store
from qe_plugins.fleet.tree import Level, Node, rank_of, tree_of
from qe_plugins.llm.client.spending import limits
from qe_plugins.llm.ledger import InDoubt, Ledger
from qe_plugins.llm.pricing.price_list import price_list, worst_case

if TYPE_CHECKING:
    from qe_plugins.fleet.scan.lifecycle import Scan

LOG = logging.getLogger(__name__)

MARGIN = 60.0
"""Seconds beyond its timeout after which a call of another process has certainly ended."""


def settle_previous(scan: Scan) -> None:
    """Settle the calls in doubt of earlier processes of a scan, none of which is running.

    Raises FleetError where the money left cannot bring the scan to its quorum.
    """
    with Ledger() as ledger:
        sent = ledger.sent(scan.scan_id)
        if not sent.calls:
            return
        found = ledger.settle_dead(scan.scan_id, time.time_ns())
        _log_settled(found)
        _refuse_without_money(scan, ledger)


def settle_expired(scan: Scan) -> None:
    """Settle the calls in doubt of a scan that are older than any call can take."""
    before = time.time_ns() - int((scan.fleet.calls.timeout + MARGIN) * 1e9)
    with Ledger() as ledger:
        _log_settled(ledger.settle_dead(scan.scan_id, before))


def settle(text: str, *, nothing: bool) -> tuple[str, InDoubt]:
    """Settle all calls in doubt of the scan that `text` names; return its id and their amount.

    Raises FleetError while a process or a cluster worker runs the scan.
    """
    scan_id, folder = store.find(text)
    with folder.exclusive(), Ledger() as ledger:
        if workers := folder.workers():
            raise FleetError(
                f"is run by workers of a cluster, {', '.join(workers)}, with calls in flight.",
                where=f"scan {scan_id}",
                hint="Settle it when it has ended, or stop the workers with SIGTERM first.",
            )
        return scan_id, ledger.settle_doubt(scan_id, nothing=nothing)


def _log_settled(found: InDoubt) -> None:
    if found.calls:
        LOG.warning(
            "%d calls of an ended process are in doubt, at most %.4f USD: they count towards the"
            " budget of the day, not of the scan",
            found.calls,
            found.usd,
        )


def _refuse_without_money(scan: Scan, ledger: Ledger) -> None:
    """Raise FleetError where a quorum lacks workers and the budgets have no room for one call."""
    request = scan.requests.for_worker(first := Node((1, 1, 1, 1)), scan.requests.task(first))
    known = price_list()
    if known.provider(request.provider).free:
        return
    workers = tree_of(scan.fleet).counts()[Level.WORKER]
    answered = sum(one.failure is None for one in ledger.records(scan.scan_id).values())
    if answered >= rank_of(scan.fleet, Level.SUPERVISOR).quorum * workers:
        return
    now = datetime.now(UTC)
    need = worst_case(known, request, now)
    budgets, rank = scan.fleet.budgets, request.rank
    for scope, limit in limits(budgets, scan.scan_id, rank, time.time_ns()).items():
        left = ledger.left(scope, limit)
        if left < need:
            kind = scope.partition(":")[0]
            again = "Wait for the next day of UTC, or settle" if kind == "day" else "Settle"
            raise FleetError(
                f"cannot be finished: {left:.4f} USD are left of the {kind}'s {limit} USD, a call "
                f"may cost {need:.4f}, and only {answered:,} of {workers:,} workers answered.",
                where=f"scan {scan.scan_id}",
                hint=f"{again} what is in doubt: `qe fleet settle {scan.scan_id} --as nothing`.",
            )
