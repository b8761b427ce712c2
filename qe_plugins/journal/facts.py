"""Facts: what happened, when, from which source and by which cause; and the runs they are of."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class FactKind(StrEnum):
    """The kinds of facts, in causal order."""

    RUN = "run"
    SNAPSHOT = "snapshot"
    WARM_UP = "warm_up"
    VOTE = "vote"
    SIGNAL = "signal"
    SIZE = "size"
    POSTURE = "posture"
    HALT = "halt"
    RESUME = "resume"
    VETO = "veto"
    ORDER = "order"
    OUTCOME = "outcome"
    FILL = "fill"
    TRADE = "trade"
    ROLL = "roll"
    CLOSING = "closing"
    REVIEW = "review"
    PROPOSAL = "proposal"
    FAILURE = "failure"
    TRIAL = "trial"
    BOOK = "book"
    LOCKBOX = "lockbox"
    PARITY = "parity"
    ALARM = "alarm"
    FLATTEN = "flatten"
    RUNG = "rung"
    LADDER = "ladder"
    DECISION = "decision"
    LESSON = "lesson"
    VERDICT = "verdict"
    STEP = "step"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal. `id` is unique within a run; `cause` is another fact's id.

    `ts_event` is UTC nanoseconds of the market's clock, never wall time. `body` contains only JSON
    (decimals as strings) and no wall time, so that equal runs have equal journals.
    """

    id: str
    kind: FactKind
    ts_event: int
    source: str
    cause: str | None = None
    body: dict[str, Any] = {}


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `facts` counts its facts; `content_hash` is their hash, without the run's id.

    `started` is wall time in UTC. `hash` covers the whole row and `previous_hash`, which is the
    hash of the run written before it.
    """

    run_id: str
    name: str
    started: datetime
    facts: int
    content_hash: str
    previous_hash: str
    hash: str


class RunState(StrEnum):
    """Whether the process that appends to an open run still exists.

    UNKNOWN is a process on another host.
    """

    RUNNING = "running"
    DIED = "died"
    UNKNOWN = "unknown"


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run without its end: `facts` counts what was appended, `hash` is the last fact's.

    `started` and `appended`, the time of the last append, are wall time in UTC. The process that
    appends is `pid` on `host`.
    """

    run_id: str
    name: str
    started: datetime
    facts: int
    hash: str
    appended: datetime
    host: str
    pid: int
    state: RunState


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A failed verification. `fact_id` is None where it is about the run itself."""

    run_id: str
    fact_id: str | None
    what: str

    def __str__(self) -> str:
        who = f"run {self.run_id}, fact {self.fact_id}" if self.fact_id else f"run {self.run_id}"
        return f"{who}: {self.what}"


class FactKey(msgspec.Struct, frozen=True, order=True):
    """Where a page of facts ends: the time in UTC nanoseconds, the run and the number in it."""

    ts_event: int
    run_id: str
    seq: int

    def __str__(self) -> str:
        return f"{self.ts_event}.{self.seq}.{self.run_id}"

    @classmethod
    def parse(cls, text: str) -> FactKey:
        """Return the key that `str` wrote. Raises ValueError for other text."""
        ts_event, seq, run_id = text.split(".", 2)
        return cls(int(ts_event), run_id, int(seq))


class RunFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with the run that it is of, and its number in it."""

    run_id: str
    seq: int
    fact: Fact

    @property
    def key(self) -> FactKey:
        """Return where a page that ends with this fact ends."""
        return FactKey(self.fact.ts_event, self.run_id, self.seq)


def run_id_of(started: datetime, name: str) -> str:
    """Return `20261123-143000-123456-es-2013`: UTC time to the microsecond and the run's name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{started:%Y%m%d-%H%M%S-%f}-{slug or 'run'}"
