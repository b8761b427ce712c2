"""What a scan's workflows and activities tell each other: plain data, small enough for a history.

Requests and answers are not among it. They are in the ledger, which every process here can reach.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
)

from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.store import ParentDecision
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.temporal.concurrency_split import ConcurrencySplit, split
from qe_plugins.fleet.tree import Level, Tree, rank_of, tree_of

POOL, DECIDE = "pool", "decide"
PROGRESS, SPOKEN = "progress", "spoken"
"""What a scan's workflow can be asked while it runs."""


class ScanInput(msgspec.Struct, frozen=True, kw_only=True):
    """A scan to be run. `deadlines` are in seconds from its start, by rank."""

    scan: str
    tree: Tree
    deadlines: dict[Level, float]
    split: ConcurrencySplit


class CaptainInput(msgspec.Struct, frozen=True, kw_only=True):
    """One captain's part of a scan that began at `began`, in seconds since the epoch."""

    order: ScanInput
    node: str
    began: float


class SupervisorInput(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor to be run, `elapsed` seconds into its scan, with so many `calls` at once."""

    scan: str
    node: str
    elapsed: float
    calls: int


class ParentInput(msgspec.Struct, frozen=True, kw_only=True):
    """A parent to decide with those `heard`, without those `missing`.

    `whole` is what a supervisor's workers came to, worked out before.
    """

    scan: str
    node: str
    elapsed: float
    heard: tuple[NodeOutcome, ...] = ()
    missing: dict[str, str] = {}
    whole: NodeOutcome | None = None


class SubtreeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of the tree hands up: its outcome, and every decision made in it.

    `asks` says that a supervisor's own model is still to be asked.
    """

    outcome: NodeOutcome
    decisions: tuple[ParentDecision, ...]
    asks: bool = False


class ScanOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A scan at its end: every decision that was made, and the seconds that it took."""

    decisions: tuple[ParentDecision, ...]
    seconds: float


class RankCount(msgspec.Struct, frozen=True):
    """How many of one rank are being worked on, are done, and have failed."""

    open: int = 0
    done: int = 0
    failed: int = 0


def order_of(scan: str, fleet: Fleet) -> ScanInput:
    """Return what a workflow is told of a scan. Raises FleetError for too wide a tree."""
    tree = tree_of(fleet)
    return ScanInput(
        scan=scan,
        tree=tree,
        deadlines={level: rank_of(fleet, level).deadline for level in Level},
        split=split(tree, fleet.calls.concurrency),
    )


class RecordConverter(EncodingPayloadConverter):
    """JSON by msgspec, which is strict where the standard library guesses."""

    @property
    def encoding(self) -> str:
        return "json/plain"

    def to_payload(self, value: Any) -> Payload:
        return Payload(
            metadata={"encoding": self.encoding.encode()}, data=msgspec.json.encode(value)
        )

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        return _decoder(Any if type_hint is None else type_hint).decode(payload.data)


class Payloads(CompositePayloadConverter):
    """What the SDK converts, with our JSON in the place of its own."""

    def __init__(self) -> None:
        usual = DefaultPayloadConverter().converters
        super().__init__(
            *(RecordConverter() if name == b"json/plain" else one for name, one in usual.items())
        )


@lru_cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


for _kind in (ScanInput, CaptainInput, SubtreeResult, ScanOutput, NodeOutcome):
    _decoder(_kind)  # a workflow's sandbox does not let msgspec look for the types of fields

CONVERTER = DataConverter(payload_converter_class=Payloads)
