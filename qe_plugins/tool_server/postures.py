"""The tool that tightens: a posture for a running session, of which the tightest is in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta

from qe_plugins.errors import QeError
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry
from qe_plugins.journal.activity.report import record
from qe_plugins.plugins.types import Posture
from qe_plugins.recordings.postures import PublishedPosture, of_run, tightest
from qe_plugins.tool_server.toolset import Effect, ServedTool, ToolInput, ToolScope


class PostureOrder(ToolInput, frozen=True):
    """A posture for a session (its run's id): what it halts or limits, for how long, and why.

    `minutes` are of the market's clock. Limits of postures in force stay in force.
    """

    run: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Annotated[str, Meta(min_length=3, max_length=300)]
    minutes: Annotated[int, Meta(ge=1, le=1440)]
    halt: bool = False
    max_contracts: Annotated[int, Meta(ge=0, le=1000)] | None = None


def tighten_posture(given: PostureOrder, scope: ToolScope) -> dict[str, Any]:
    """Publish a posture for a session and return what is in force for it.

    Raises QeError where no such session runs, and where nothing would be tightened.
    """
    if not given.halt and given.max_contracts is None:
        hint = "Give 'halt' or 'max_contracts'."
        raise QeError("it would tighten nothing.", where="tighten_posture", hint=hint)
    sessions = {one.status.run_id: one for one in read_sessions()[0] if one.state != "died"}
    if given.run not in sessions:
        known = ", ".join(sessions) or "none"
        raise QeError("no such session runs.", where=given.run, hint=f"Sessions: {known}.")
    now = sessions[given.run].status.engine_time
    posture = Posture(
        reason=given.reason,
        halt=given.halt,
        max_contracts=given.max_contracts,
        valid_until=int((now + timedelta(minutes=given.minutes)).timestamp()) * 10**9,
        source=scope.source,
    )
    at = int(now.timestamp()) * 10**9
    file = of_run(given.run)
    file.append(PublishedPosture(decided=at, posture=posture, session=scope.source))
    text = f"posture for {given.run}: {'halt' if given.halt else given.max_contracts}"
    entry = PipelineEntry(
        process="mcp",
        kind=ActivityKind.ACTION,
        text=f"{text}, {given.reason}",
        actor=scope.source,
        run_id=given.run,
    )
    record(entry)
    return {"published": posture, "in_force": tightest(file.unexpired(at))}


TOOLS = (
    ServedTool(
        name="tighten_posture",
        about="Publish a posture that tightens the limits of a running session, or lets it take no "
        "new risk, for some minutes. Exits always pass. The tightest posture is in force.",
        effect=Effect.TIGHTENS,
        arguments=PostureOrder,
        call=tighten_posture,
    ),
)
