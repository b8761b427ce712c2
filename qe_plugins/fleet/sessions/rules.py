"""A coordinator without a model: the same session, its steps and its answer by rule.

A rule is a generator over what a model would see: it gets the inputs, yields the tool calls of a
turn, receives their results as plain data (None where a tool refused), and returns its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import msgspec

from qe_plugins.llm.providers.base import BadRequest, Completion
from qe_plugins.llm.providers.offline import MODEL
from qe_plugins.llm.requests import Request, Usage
from qe_plugins.llm.tools import ToolExchange, exchanged, turn_text

type Call = tuple[str, dict[str, Any]]
"""The name of a tool and the arguments."""

type Steps = Generator[list[Call], list[Any], msgspec.Struct]
"""Yields the calls of a turn, gets a result for each, and returns the answer."""

type Rule = Callable[[dict[str, Any]], Steps]

BEGIN = "Inputs:\n"
"""What stands before the JSON of the inputs, at the end of a session's prompt."""


def inputs_of(prompt: str) -> dict[str, Any]:
    """Return the inputs in a session's prompt."""
    found: dict[str, Any] = msgspec.json.decode(prompt.rpartition(BEGIN)[2])
    return found


class RuleProvider:
    """Answers requests of sessions by the rule of their role: the same request, the same turn."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = dict(rules)

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return the next turn of a rule. Raises ProviderFailure for a role without one."""
        rule = self._rules.get(request.role)
        if rule is None:
            raise BadRequest(f"no rule for {request.role or 'no role'}")
        text = _next_turn(rule(inputs_of(request.prompt)), exchanged(request.exchanges))
        size = len(request.system) + len(request.prompt) + len(request.exchanges)
        return Completion(text, Usage(input=size // 4 + 1, output=len(text) // 4 + 1), MODEL)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


def _next_turn(steps: Steps, exchanges: list[ToolExchange]) -> str:
    """Return the turn after the exchanges so far."""
    try:
        calls = next(steps)
        for one in exchanges:
            calls = steps.send(
                [None if r.error else msgspec.json.decode(r.content) for r in one.results]
            )
    except StopIteration as ended:
        return turn_text([], msgspec.json.encode(ended.value).decode())
    turn = len(exchanges) + 1
    return turn_text(
        [
            {"id": f"call-{turn}-{n}", "name": name, "arguments": arguments}
            for n, (name, arguments) in enumerate(calls, 1)
        ],
        "",
    )
