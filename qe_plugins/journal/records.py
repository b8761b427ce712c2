"""Facts: what happened, when, who said so, and what caused it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """What a fact is about, in causal order."""

    RUN = "run"
    SNAPSHOT = "snapshot"
    VOTE = "vote"
    SIGNAL = "signal"
    SIZE = "size"
    POSTURE = "posture"
    VETO = "veto"
    ORDER = "order"
    FILL = "fill"
    TRADE = "trade"
    REVIEW = "review"
    PROPOSAL = "proposal"
    FAILURE = "failure"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal. `id` is unique within a run; `cause` is another fact's id.

    `ts_event` is UTC nanoseconds of the market's clock, never of the wall. `body` holds only what
    JSON holds (decimals as strings), and no wall time, so that equal runs have equal journals.
    """

    id: str
    kind: Kind
    ts_event: int
    source: str
    cause: str | None = None
    body: dict[str, Any] = {}
