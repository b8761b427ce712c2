"""The hash chain: each fact's hash covers the fact and the hash before it.

A fact is hashed as canonical JSON: the array `[id, kind, ts_event, source, cause, body]` without
spaces, keys sorted, decimals and enumerations as strings. Floats are written in their shortest form
that reads back as the same number, which is the same on every platform; NaN and infinities, which
JSON lacks, become null. NumPy numbers become plain numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact
from qe_plugins.safe_text import in_words, redacted, written

if TYPE_CHECKING:
    from sqlalchemy import Row

GENESIS = "0" * 64
"""The hash before the first link."""


def _plain(value: Any) -> int | float:
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


_encoder = msgspec.json.Encoder(order="sorted", enc_hook=_plain)


def encodable(body: Any) -> None:
    """Raise TypeError, ValueError, OverflowError or RecursionError for what JSON cannot hold."""
    _encoder.encode(body)


def body_text(fact: Fact) -> str:
    """Return the fact's body as canonical JSON. Raises JournalError for what JSON cannot hold."""
    try:
        return redacted(_encoder.encode(fact.body).decode())
    except UnicodeEncodeError:  # a lone surrogate must not lose the run
        return body_text(msgspec.structs.replace(fact, body=written(fact.body)))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise JournalError(
            f"the body cannot be written: {in_words(error)}.",
            where=f"fact {fact.id}",
            hint="Use strings, whole numbers, floats, booleans, lists and mappings.",
        ) from error


def link(previous: str, *values: object) -> str:
    """Return the hash (SHA-256, hex) that joins `values` to the chain after `previous`."""
    return hashlib.sha256(previous.encode() + _encoder.encode(values)).hexdigest()


def fact_link(previous: str, fact: Fact | Row[Any], body: str) -> str:
    """Return the hash of a fact, or of its row; `body` is its canonical JSON as stored."""
    raw = msgspec.Raw(body)
    return link(previous, fact.id, fact.kind, fact.ts_event, fact.source, fact.cause, raw)


def run_link(
    previous: str, seq: int, run_id: str, name: str, started: str, facts: int, content: str
) -> str:
    """Return a run's hash, which follows that of the run written before it; `started` as stored."""
    return link(previous, seq, run_id, name, started, facts, content)


def chained(facts: Iterable[Fact], last: str = GENESIS) -> Iterator[tuple[Fact, str, str]]:
    """Yield each fact with its body as stored and its hash; `last` is the hash before the first."""
    for fact in facts:
        body = body_text(fact)
        last = fact_link(last, fact, body)
        yield fact, body, last


def content_hash(facts: Iterable[Fact]) -> str:
    """Return the SHA-256 (hex) of the facts in their order: the last link of their chain.

    It does not depend on run ids, wall time or the order of a body's keys, so equal runs have equal
    hashes in every process.
    """
    last = GENESIS
    for _, _, after in chained(facts):
        last = after
    return last
