"""The tree below a coordinator at work: priced before it runs, recorded, and pooled in code."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.requests import RequestBuilder, refuse_short_lists
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.scan import estimate
from qe_plugins.fleet.scan.lifecycle import client_for, run_on_uvloop
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.runner import ScanRunner
from qe_plugins.fleet.scan.store import DecisionLog
from qe_plugins.fleet.settings import Coordinator
from qe_plugins.fleet.tools.context import Deploy
from qe_plugins.plugins.types import Role
from qe_plugins.state_dir import state_dir


def deployment(role: Role, context: RoleContext) -> Deploy | None:
    """Return what deploys the captains of a role, None where the fleet has no such coordinator."""
    known = [one for one in context.loaded.fleet.coordinators if one.desk is role]
    if not known:
        return None

    def deploy(domains: list[str], asked_by: str) -> dict[str, Any]:
        return _deployed(context, known[0], domains, asked_by)

    return deploy


def _deployed(
    context: RoleContext, coordinator: Coordinator, domains: list[str], asked_by: str
) -> dict[str, Any]:
    """Ask the captains of some domains and return their aggregate. Raises FleetError."""
    loaded = _with_captains(context.loaded, coordinator, domains)
    price = estimate.plan(loaded.fleet)
    limit = loaded.fleet.budgets.scan
    if loaded.fleet.provider == "models" and limit is not None and price.now > limit:
        message = f"{price.calls} calls would cost ${price.now}, the limit is ${limit}."
        raise FleetError(message, hint="Ask fewer captains.")
    requests = RequestBuilder(loaded.fleet, context.market, (*context.news, *context.lessons))
    refuse_short_lists(loaded, requests)
    chosen = hashlib.sha256(" ".join(domains).encode()).hexdigest()[:8]
    scan_id = f"{context.session_of(asked_by)}-{chosen}"
    found = run_on_uvloop(_asked(scan_id, loaded, requests, replay=context.replay))
    aggregate = found.aggregate
    assert aggregate is not None
    mask = context.mask
    return {
        "usd_estimated": float(price.now) if loaded.fleet.provider == "models" else 0.0,
        "answered": aggregate.answered,
        "expected": aggregate.expected,
        "score": round(aggregate.score, 3),
        "confidence": round(aggregate.confidence, 3),
        "conflict": round(aggregate.conflict, 3),
        "effective": round(aggregate.effective, 2),
        "targets": [
            {
                "target": mask.shown(one.target),
                "score": round(one.score, 3),
                "confidence": round(one.confidence, 3),
                "votes": one.votes,
            }
            for one in aggregate.candidates
        ],
    }


def _with_captains(
    loaded: LoadedFleet, coordinator: Coordinator, domains: list[str]
) -> LoadedFleet:
    """Return the fleet with this coordinator and the captains of these domains alone."""
    if unknown := [one for one in domains if one not in coordinator.captains]:
        known = ", ".join(coordinator.captains) or "none: the file names no captains"
        raise FleetError(f"no captain of {unknown[0]}.", hint=f"Captains: {known}.")
    fleet = loaded.fleet
    captain = msgspec.structs.replace(fleet.ranks.captain, count=len(domains))
    return loaded.with_fleet(
        msgspec.structs.replace(
            fleet,
            ranks=msgspec.structs.replace(fleet.ranks, captain=captain),
            coordinators=[msgspec.structs.replace(coordinator, captains=domains)],
        )
    )


async def _asked(
    scan_id: str, loaded: LoadedFleet, requests: RequestBuilder, *, replay: bool
) -> NodeOutcome:
    """Run the tree and return the coordinator's outcome."""
    folder = state_dir() / "fleet" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    async with client_for(scan_id, loaded.fleet, replay=replay) as client:
        log = DecisionLog(folder / f"{scan_id}.jsonl", write=not replay)
        runner = ScanRunner(loaded.fleet, requests, client, log)
        await runner.run()
        client.ledger.flush()
        outcomes = runner.outcomes_in_order()
    return next(one for one in outcomes if one.node == "1")
