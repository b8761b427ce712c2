"""Requests to models and their answers: records, keys, strict decoding, and wording."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

EXACT = (
    *("provider", "model", "system", "prompt", "schema_name", "schema", "max_tokens", "sample"),
)
"""The fields of a request's key: those sent to the provider, and `sample`; no rank, role, node."""

OPTIONAL = ("tools", "exchanges")
"""Further fields of the key where they are not empty."""

DAY = 86_400_000_000_000


class Failure(StrEnum):
    """Why there is no answer."""

    BLANK = "blank"
    INVALID = "invalid"
    REFUSED = "refused"
    BAD_REQUEST = "bad_request"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    TIMEOUT = "timeout"
    CUT = "cut"
    LATE = "late"
    BUDGET = "budget"
    CIRCUIT_OPEN = "circuit_open"


REJECTED = frozenset({Failure.BLANK, Failure.INVALID, Failure.REFUSED})
"""Failures that were charged: recorded as the model's answer to this request."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One exact request. `system` is the stable prefix that providers cache; `prompt` varies.

    `schema` is the JSON Schema of the typed answer as text, see `schema_text`. A second answer to
    the same request needs another `sample`. `valid_for` is in seconds: for so long an answer is
    reused; with 0 each scan sends the request again. `tools` and `exchanges` are those of a
    conversation as text, see `llm.tools`; then the answer is a Turn.
    """

    provider: str
    model: str
    rank: str = ""
    role: str = ""
    node: str = ""
    task_id: str = ""
    system: str
    prompt: str
    schema_name: str
    schema: str
    max_tokens: int = 300
    sample: int = 0
    valid_for: float = 0.0
    tools: str = ""
    exchanges: str = ""


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the provider counted them.

    `cached` and `written` (to its cache) are parts of `input`.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    written: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.written + other.written,
        )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a request: `answer`, the JSON text as received, or else a `failure`.

    `usage` and `usd` cover every attempt, also those that failed; `usd` is the worst case where a
    provider may have charged and did not report it. `model` is the one that the provider reports;
    `cutoff` is its knowledge cutoff, `YYYY-MM`. The times are wall time, UTC nanoseconds, and are
    part of no hash. `replayed` answers cost nothing now: `usd` is what they cost when sent.
    """

    key: str
    provider: str
    model: str
    answer: str | None = None
    failure: Failure | None = None
    detail: str = ""
    usage: Usage = Usage()
    usd: Decimal = Decimal(0)
    cutoff: str | None = None
    started_ns: int = 0
    finished_ns: int = 0
    attempts: int = 0
    replayed: bool = False

    def typed(self, answer_type: Any) -> Any:
        """Return the answer as its type. Raises ValueError where there is none."""
        if self.answer is None:
            raise ValueError(f"no answer to {self.key}: {self.failure}")
        return decode(self.answer, answer_type)


def day_of(at_ns: int) -> str:
    """Return the UTC day of a point in time, `2026-11-23`."""
    return _day(at_ns // DAY)


@lru_cache
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()


@lru_cache(maxsize=1_024)
def scopes(day: str, scan: str, rank: str) -> tuple[str, str, str]:
    """Return the names of the budgets that a call counts against: day, scan, rank."""
    return f"day:{day}", f"scan:{scan}", f"rank:{scan}:{rank}"


def request_key(request: Request) -> str:
    """Return the SHA-256 of the exact request, hex; the same in every process and every year."""
    exact = [getattr(request, name) for name in EXACT]
    exact += [[name, value] for name in OPTIONAL if (value := getattr(request, name))]
    return hashlib.sha256(msgspec.json.encode(exact)).hexdigest()


def decode(text: str, answer_type: Any) -> Any:
    """Return `text` as an answer; unknown fields are ignored, nothing is coerced.

    Raises msgspec.DecodeError, also where a field is missing or out of its bounds.
    """
    return _decoder(answer_type).decode(text)


@lru_cache
def _decoder(answer_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(answer_type, strict=True)


@lru_cache
def schema_text(answer_type: Any) -> str:
    """Return the JSON Schema of an answer's type as text, always the same for the same type."""
    schema = msgspec.json.schema(answer_type)
    return msgspec.json.encode(schema, order="deterministic").decode()


UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
"""The exceptions of decoding invalid bytes or text."""


def refuse_duplicates(text: str) -> None:
    """Raise ValueError for JSON with a duplicate key, which is ambiguous."""
    json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")


def json_only(request: Request) -> str:
    """Return the system prompt with the form of the answer, for services that take no schema."""
    return _with_form(request.system, request.schema_name, request.schema)


@lru_cache(maxsize=256)
def _with_form(system: str, name: str, schema: str) -> str:
    return (
        f"{system}\n\nAnswer with one JSON object and nothing else. It must be a {name}, "
        f"which this JSON Schema describes:\n{schema}"
    )


def again(feedback: str) -> str:
    """Return the prompt after an answer that could not be used."""
    said = f"Your answer before could not be used: {feedback}."
    return f"{said} Answer again, with one JSON object only."
