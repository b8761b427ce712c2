"""How a session ended, and what it left behind."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from qe_plugins.llm.tools import ToolExchange


class SessionEnd(StrEnum):
    """How a session ended. Only `answered` has an answer."""

    ANSWERED = "answered"
    TURNS = "turns"
    DEADLINE = "deadline"
    BUDGET = "budget"
    REFUSED = "refused"
    INVALID = "invalid"
    PROVIDER = "provider"


class SessionResult[AnswerType](msgspec.Struct, frozen=True, kw_only=True):
    """A session that ended. Without an `answer`, `detail` says why in one line.

    `usd` is what its own calls cost, also those of an interrupted earlier process. `keys` are the
    keys of its requests in order; `prompt` is the SHA-256 of its system prompt; `cutoff` is the
    knowledge cutoff of the `model`. `tool_errors` counts calls that a tool refused.
    """

    session: str
    role: str
    end: SessionEnd
    answer: AnswerType | None = None
    detail: str = ""
    exchanges: tuple[ToolExchange, ...] = ()
    turns: int = 0
    tool_errors: int = 0
    usd: Decimal = Decimal(0)
    seconds: float = 0.0
    provider: str = ""
    model: str = ""
    cutoff: str | None = None
    prompt: str = ""
    keys: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what the journal keeps of the session; the transcript is in the ledger."""
        calls = [call.name for one in self.exchanges for call in one.calls]
        return {
            "session": self.session,
            "role": self.role,
            "end": str(self.end),
            "detail": self.detail,
            "turns": self.turns,
            "tools": calls,
            "tool_errors": self.tool_errors,
            "usd": str(self.usd),
            "model": self.model,
            "cutoff": self.cutoff,
            "prompt": self.prompt,
            "keys": list(self.keys),
        }
