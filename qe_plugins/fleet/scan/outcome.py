"""Outcome of each node, result of a scan, and the hash over all answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.fleet.aggregate import Aggregate
from qe_plugins.fleet.prompts.answers import NodeAnswer

NO_QUORUM = "no_quorum"
LATE = "late"


class NodeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One node's outcome. `missing` is why it does not count, `failure` why its model failed.

    A worker has an answer about its `target`, or is missing. A parent has an aggregate, whether
    its model answered or not; below its quorum it counts as missing. `key` is that of the request,
    None where none was sent.
    """

    node: str
    target: str = ""
    answer: NodeAnswer | None = None
    aggregate: Aggregate | None = None
    missing: str | None = None
    failure: str | None = None
    key: str | None = None


class ScanResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A finished scan. `usd` is its cost over all processes that ran it.

    `in_doubt` is the worst case in USD of calls whose process ended before their answer; it is not
    in `usd`. `calls_replayed` were answered in another scan. A replay costs nothing.

    `coverage` is the part of all workers that answered; `quorum` says whether the desk had its own.
    `answer_sha256` is over every typed answer in the order of the nodes, without times: equal
    scans, equal hashes. `failures` counts workers without an answer by reason; `refused` counts
    calls that a budget left no room for, by its kind: `day`, `scan`, `rank`, `call`. `reason` is
    the most frequent reason for a missing answer; `doubts` counts calls with an implausible usage,
    by what is wrong. `as_of` is in UTC nanoseconds.
    """

    scan_id: str
    name: str
    provider: str
    nodes: int
    asked: int
    calls_paid: int
    calls_sent: int
    calls_replayed: int
    failures: dict[str, int]
    coverage: float
    effective: float
    quorum: bool
    quorums: dict[str, str]
    usd: Decimal
    seconds: float
    score: float
    answer: NodeAnswer | None
    answer_sha256: str
    messages: int
    as_of: int
    masked: bool
    refused: dict[str, int] = {}
    in_doubt: Decimal = Decimal(0)
    reason: str = ""
    doubts: dict[str, int] = {}


def answer_hash(outcomes: Iterable[NodeOutcome]) -> str:
    """Return the SHA-256 over typed answers and aggregates, in the order given, hex."""
    digest = hashlib.sha256()
    for one in outcomes:
        hashed: list[Any] = [one.node, one.answer, one.aggregate, one.missing]
        digest.update(msgspec.json.encode(hashed, order="deterministic"))
    return digest.hexdigest()
