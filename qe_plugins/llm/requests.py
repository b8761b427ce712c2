"""Requests to models and their answers: frozen records, the same for every provider."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

EXACT = (
    *("provider", "model", "system", "prompt", "schema_name", "schema", "max_tokens", "sample"),
)
"""The fields of a request's key: those sent to the provider, and `sample`; no rank, role, node."""


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
    reused; with 0 each scan sends the request again.
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


def request_key(request: Request) -> str:
    """Return the SHA-256 of the exact request, hex; the same in every process and every year."""
    exact = [getattr(request, name) for name in EXACT]
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
