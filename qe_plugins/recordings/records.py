"""The types of a recording. Times are UTC nanoseconds of the data unless they say otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

RAW = "raw"
"""The name of the mask of prompts that hide nothing."""


class RecordedVote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One worker's answer about an instrument. `prompt` is the key of its exact request.

    `kind` is the kind of its task: timeframe, option or rule. `model` is as the provider reports.
    """

    node: str
    instrument: str
    kind: str
    score: float
    confidence: float
    model: str
    prompt: str


class RecordedOpinion(msgspec.Struct, frozen=True, kw_only=True):
    """The aggregate of the hunters' votes about one instrument: -1 short to 1 long."""

    instrument: str
    score: float
    confidence: float
    votes: int


class RecordedDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fleet's answer at one decision point, `at`.

    `latency` is the seconds from the question to the last answer, `call` the mean of one call.
    `models` maps each model that answered to its knowledge cutoff (`YYYY-MM`), None where it is not
    published; `rules` says that rules answered in place of models. `asked` is the wall time, UTC
    ns. `usd` is what the calls cost.
    """

    at: int
    latency: float | None = None
    call: float = 0.0
    usd: Decimal = Decimal(0)
    models: dict[str, str | None] = {}
    rules: bool = False
    asked: int = 0
    opinions: tuple[RecordedOpinion, ...] = ()
    votes: tuple[RecordedVote, ...] = ()


class RecordingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded: a fleet's resolved configuration over decision points.

    `mask` is the name of the mask, `raw` without one; `prompts` is the SHA-256 of the fixed texts
    and answer types. `root` is that of the sessions; `served` maps each model without a published
    cutoff to the wall time (UTC ns) at which it first answered us.
    """

    name: str
    fleet: dict[str, Any]
    mask: str
    prompts: str
    root: str
    points: tuple[int, ...]
    workers: int
    served: dict[str, int] = {}

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of what a recording is resumed by: all but what was served when."""
        same = msgspec.structs.replace(self, served={})
        return hashlib.sha256(_canonical(same)).hexdigest()


class FleetRecording(msgspec.Struct, frozen=True, kw_only=True):
    """A whole recording, its decisions in the order of their points."""

    info: RecordingInfo
    decisions: tuple[RecordedDecision, ...]

    @property
    def sha256(self) -> str:
        """Return the SHA-256 over description and decisions: equal recordings, equal hashes."""
        return recording_sha256(self.info, self.decisions)

    @property
    def usd(self) -> Decimal:
        """Return what the recording cost in USD."""
        return sum((one.usd for one in self.decisions), Decimal(0))


def recording_sha256(info: RecordingInfo, decisions: Sequence[RecordedDecision]) -> str:
    """Return the SHA-256 over a description and decisions, hex."""
    digest = hashlib.sha256(_canonical(info))
    for one in decisions:
        digest.update(_canonical(one))
    return digest.hexdigest()


def _canonical(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record, order="deterministic")
