"""What makes a role: its inputs, its answer's type, its rule, and what code makes of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from qe_plugins.fleet.messaging.outbox import AnyBody
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Rule
from qe_plugins.journal.facts import Fact
from qe_plugins.llm.tools import ToolExchange
from qe_plugins.plugins.types import Role


@dataclass(frozen=True, kw_only=True)
class RoleWork:
    """One role. `inputs` is what the prompt shows, `outcome` what code makes of a session.

    `outcome` gets a session without an answer too: it decides what that means. `facts` are those
    of an outcome for the journal, caused by the fact of its id; `message` is what the bus gets,
    None for nothing. With a `jury` so many `seats` are asked blind, each with a prompt of its own,
    and it makes the outcome of all sessions.
    """

    role: Role
    answer_type: Any
    inputs: Callable[[RoleContext], dict[str, Any]]
    rule: Rule
    outcome: Callable[[RoleContext, SessionResult[Any]], Any]
    facts: Callable[[RoleContext, Any, str], list[Fact]]
    message: Callable[[Any], AnyBody | None]
    seats: int = 1
    jury: Callable[[RoleContext, list[SessionResult[Any]]], Any] | None = None


def figures_of(
    exchanges: tuple[ToolExchange, ...], tool: str, **arguments: Any
) -> dict[str, float]:
    """Return the figures that a tool returned to calls with these arguments, by name."""
    found: dict[str, float] = {}
    for one in exchanges:
        for call, result in zip(one.calls, one.results, strict=True):
            matches = all(call.arguments.get(name) == value for name, value in arguments.items())
            if call.name == tool and matches and not result.error:
                found |= numbers(msgspec.json.decode(result.content))
    return found


def numbers(result: Any) -> dict[str, float]:
    """Return the numbers at the top of a tool's result, by name."""
    if not isinstance(result, Mapping):
        return {}
    return {
        str(name): float(value)
        for name, value in result.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
