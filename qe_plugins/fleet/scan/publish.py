"""A coordinator's message on the bus: the kind follows from its role, the body from its answer."""

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

NO_ANSWER = "its model said nothing; worked out in code"


def message(scan: str, role: Role, outcome: NodeOutcome) -> Message:
    """Return the message of a coordinator whose part of the scan has ended.

    Below its quorum it requests the answers it lacks, for every role.
    """
    return Message(scan=scan, sender=outcome.node, role=role, sequence=1, body=_body(role, outcome))


def _body(role: Role, outcome: NodeOutcome) -> AnyBody:
    aggregate, answer = outcome.aggregate, outcome.answer
    assert aggregate is not None
    figures: dict[str, Any] = {
        "score": answer.score if answer else aggregate.score,
        "confidence": answer.confidence if answer else aggregate.confidence,
        "coverage": round(aggregate.coverage, 6),
        "effective": round(aggregate.effective, 6),
        "reason": answer.reason if answer else NO_ANSWER,
    }
    targets = tuple(RankedTarget(one.target, one.score) for one in aggregate.candidates)
    if outcome.missing is not None:
        return RequestBody(missing=aggregate.missing, **figures)
    match role:
        case Role.HUNTER:
            return FindingBody(targets=targets, **figures)
        case Role.GUARDIAN:
            if answer is None:  # a guardian without an answer allows no new position
                return PostureBody(halt=True, risk=0.0, **figures)
            return PostureBody(halt=answer.halt is not False, risk=answer.risk or 0.0, **figures)
        case Role.ARBITER if figures["score"] < 0:
            return ObjectionBody(targets=targets, **figures)
        case _:
            return ReportBody(targets=targets, **figures)
