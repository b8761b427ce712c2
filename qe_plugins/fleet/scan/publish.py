"""What a coordinator says on the bus: chosen by its role, filled in by code from typed answers."""

from __future__ import annotations

from typing import Any

from qe_plugins.fleet.messaging.outbox import (
    AnyBody,
    FindingBody,
    Message,
    ObjectionBody,
    PostureBody,
    RankedTarget,
    ReportBody,
    RequestBody,
)
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.plugins.types import Role

UNSAID = "its model said nothing; worked out in code"


def message(scan: str, role: Role, outcome: NodeOutcome) -> Message:
    """Return the message of a coordinator whose part of the scan has ended.

    Below its quorum it asks for what it misses, whatever its role.
    """
    return Message(scan=scan, sender=outcome.node, role=role, sequence=1, body=_body(role, outcome))


def _body(role: Role, outcome: NodeOutcome) -> AnyBody:
    whole, answer = outcome.aggregate, outcome.answer
    assert whole is not None
    said: dict[str, Any] = {
        "score": answer.score if answer else whole.score,
        "confidence": answer.confidence if answer else whole.confidence,
        "coverage": round(whole.coverage, 6),
        "effective": round(whole.effective, 6),
        "reason": answer.reason if answer else UNSAID,
    }
    targets = tuple(RankedTarget(one.target, one.score) for one in whole.candidates)
    if outcome.missing is not None:
        return RequestBody(missing=whole.missing, **said)
    match role:
        case Role.HUNTER:
            return FindingBody(targets=targets, **said)
        case Role.GUARDIAN:
            if answer is None:  # a silent guardian allows nothing new
                return PostureBody(halt=True, risk=0.0, **said)
            return PostureBody(halt=answer.halt is not False, risk=answer.risk or 0.0, **said)
        case Role.ARBITER if said["score"] < 0:
            return ObjectionBody(targets=targets, **said)
        case _:
            return ReportBody(targets=targets, **said)
