"""Rows of `pipeline_journal` and `mission_control`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ActivityKind(StrEnum):
    """What a process reports of itself, or of what it did for a person."""

    START = "start"
    END = "end"
    FAILURE = "failure"
    ALARM = "alarm"
    HALT = "halt"
    RESUME = "resume"
    PROMOTION = "promotion"
    JOB = "job"
    ACTION = "action"
    REFUSED = "refused"
    NOTE = "note"


class Severity(StrEnum):
    """How much a row matters: ALARM wants a person now, WARNING one who looks."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


class PipelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a process did, to be written to `pipeline_journal`.

    `process` is the command, such as `backtest`; `actor` the person or trigger that caused it.
    `run_id`, `fact_id`, `scan_id` and `href`, an address in the Observatory, say where to look.
    """

    process: str
    kind: ActivityKind
    text: str
    severity: Severity = Severity.INFO
    actor: str | None = None
    run_id: str | None = None
    fact_id: str | None = None
    scan_id: str | None = None
    href: str | None = None


class PipelineRow(PipelineEntry, frozen=True, kw_only=True):
    """A row of `pipeline_journal`: `at_ns` is wall time in UTC nanoseconds, `hash` SHA-256."""

    seq: int
    at_ns: int
    hash: str


class MissionState(StrEnum):
    """The state of an item of MissionControl."""

    NOW = "now"
    NEXT = "next"
    PARKED = "parked"
    DONE = "done"
    GONE = "gone"


class MissionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an item's state.

    `seq` is 0 before it is written. `at_ns` and `until_ns`, before which a parked item does not
    come back, are wall time in UTC nanoseconds; `day` is the trading day in Chicago. `source` is
    `person`, or names what the desk put it there for. `minutes` counts those spent on it so far.
    """

    seq: int = 0
    item: str
    at_ns: int
    day: str
    title: str
    why: str
    source: str
    state: MissionState
    href: str | None = None
    minutes: int | None = None
    until_ns: int | None = None
