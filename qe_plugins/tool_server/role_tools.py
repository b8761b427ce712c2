"""The coordinators' read-only tools, by their one definition: what a session of a fleet would see.

Each call names a fleet's file and a moment. Where the fleet is masked, no absolute price is shown.
`deploy` is not among them: it spends, and `run_scan` does that within the budget of a day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, cast

import msgspec

from qe_plugins.fleet.backtests.jobs import BacktestJobs
from qe_plugins.fleet.roles.desk_state import desk_state
from qe_plugins.fleet.roles.run import tool_context
from qe_plugins.fleet.tools import TOOLS as OF_SESSIONS
from qe_plugins.fleet.tools import Tool
from qe_plugins.plugins.types import Role
from qe_plugins.tool_server.scans import FleetInput, fleet
from qe_plugins.tool_server.toolset import Effect, ServedTool, ToolInput, ToolScope

SPENDING = ("deploy",)

LONGEST_BACKTEST = 60.0
"""Seconds after which a backtest of these tools is ended."""


class DeskInput(FleetInput, frozen=True):
    """A file of `configs/fleet/`; the moment to look at, by default the last bar of its data; and
    the run whose facts and positions are shown (an id, a prefix, `last`)."""

    at: datetime | None = None
    run: str | None = None


def look(tool: Tool, given: Any, _: ToolScope) -> Any:
    """Return what a tool shows of the desk at a moment. Raises QeError for what it refuses."""
    at: datetime | None = given.at
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    state = desk_state(fleet(given.config), at, given.run)
    names = tool.arguments.__struct_fields__
    asked = tool.arguments(**{name: getattr(given, name) for name in names})
    return tool.handler(tool_context(Role.SYNTHESIS, state, _jobs()), asked)


@cache
def _jobs() -> BacktestJobs:
    """Return the backtests of this server: their processes end with it."""
    return BacktestJobs(None, LONGEST_BACKTEST)


def served(tool: Tool) -> ServedTool:
    """Return a tool of sessions with the arguments that say which desk, and when."""
    call: Callable[[Any, ToolScope], Any] = partial(look, tool)
    return ServedTool(
        name=tool.name,
        about=f"{tool.description} Of a fleet's desk, as its own sessions see it.",
        effect=Effect.READS,
        arguments=_arguments(tool),
        call=call,
    )


def _arguments(tool: Tool) -> type[ToolInput]:
    own = [
        (one.name, one.type, msgspec.field(default=one.default))
        for one in msgspec.structs.fields(tool.arguments)
        if not one.required
    ]
    required = [
        (one.name, one.type) for one in msgspec.structs.fields(tool.arguments) if one.required
    ]
    made = msgspec.defstruct(
        f"{tool.name.title()}Input",
        [*required, *own],
        bases=(DeskInput,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return cast("type[ToolInput]", made)


TOOLS = tuple(served(tool) for name, tool in OF_SESSIONS.items() if name not in SPENDING)
