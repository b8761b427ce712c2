"""What a tool is: its name, arguments, effect and function; and the call of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.safe_text import redacted, writable

LONGEST = 100_000
"""Characters of an answer; a longer one is refused, because half a document says something else."""


class Effect(StrEnum):
    """What a tool may change: nothing, the ledger within a budget, or limits, which it tightens."""

    READS = "reads"
    SPENDS = "spends"
    TIGHTENS = "tightens"


class ToolInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of a tool. Its fields are the tool's JSON Schema."""


class ToolScope(msgspec.Struct, frozen=True, kw_only=True):
    """What one server allows: USD of scans a UTC day, and who its postures are from."""

    budget: Decimal = Decimal(0)
    source: str = "mcp"

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        return datetime.now(UTC)


class ServedTool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool. `call` gets its arguments and returns what can be written as JSON."""

    name: str
    about: str
    effect: Effect
    arguments: type[ToolInput]
    call: Callable[[Any, ToolScope], Any]

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments: one object."""
        _, parts = msgspec.json.schema_components([self.arguments], ref_template="#/$defs/{name}")
        named: dict[str, Any] = parts.pop(self.arguments.__name__)
        return {**named, "$defs": parts} if parts else named


def answer_of(tool: ServedTool, given: Mapping[str, Any], scope: ToolScope) -> str:
    """Return the JSON of a tool's answer, without secrets.

    Raises QeError for arguments that do not fit, for bad input, and for an answer that is too long.
    """
    try:
        arguments = msgspec.convert(dict(given), tool.arguments)
    except msgspec.ValidationError as error:
        raise QeError(f"{error}.", where=tool.name, hint="See the tool's schema.") from error
    text = msgspec.json.encode(tool.call(arguments, scope), enc_hook=_written).decode()
    if len(text) > LONGEST:
        hint = "Ask for fewer rows, a shorter time, or one run."
        raise QeError(f"the answer has {len(text):,} characters.", where=tool.name, hint=hint)
    return redacted(writable(text))


def _written(value: object) -> Any:
    raise NotImplementedError(f"a tool returned {type(value).__name__}, which is not data")
