"""What `qe fleet hunt|guard|review|report` have in common: the state of the desk at a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.fleet.plan import FILE, OVERRIDES, PROVIDER, load_fleet
from qe_plugins.cli.output import MomentParam, dollars, echo, json_option

if TYPE_CHECKING:
    from qe_plugins.fleet.roles import RoleContext, RoleOutcome
    from qe_plugins.fleet.sessions import SessionResult


AT = click.option("--at", type=MomentParam(), help="As of this time, UTC.  [default: last bar]")
RUN = click.option("--run", help="The journal's run to read: its id, a prefix, or `last`.")
SESSION = click.option("--session", help="Id to record under.  [default: role, fleet and time]")
REPLAY = click.option("--replay", is_flag=True, help="Answer from the recording; make no call.")


def role_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments that every command of a role has."""
    for one in (json_option, REPLAY, SESSION, RUN, AT, PROVIDER, OVERRIDES, FILE):
        command = one(command)
    return command


def context_of(
    config: Path,
    overrides: tuple[str, ...],
    provider: str | None,
    at: datetime | None,
    run: str | None,
    session: str | None,
    replay: bool,
    **more: Any,
) -> RoleContext:
    """Return the state of the desk as of `at`: market, news, lessons, bus, journal and postures.

    Raises QeError where the data has no bar within five minutes before it.
    """
    from qe_plugins.fleet.roles.desk_state import desk_state

    loaded = load_fleet(config, overrides, provider)
    return desk_state(loaded, at, run, session=session or "", replay=replay, **more)


def print_session(found: SessionResult[Any]) -> None:
    """Print what a session did: turns, tools, cost, and how it ended."""
    calls = [call.name for one in found.exchanges for call in one.calls]
    echo(f"session   {found.session}, {found.turns} turns, {found.model}, {dollars(found.usd)}")
    echo(f"tools     {', '.join(calls) or 'none'}")
    if found.tool_errors:
        echo(f"refused   {found.tool_errors} tool calls")
    if found.end != "answered":
        echo(f"no answer {found.end}: {found.detail}")


def document(outcome: RoleOutcome) -> dict[str, Any]:
    """Return the outcome of a role as plain data for `--json`."""
    import msgspec

    session = outcome.session
    return {
        "role": str(outcome.role),
        "run": outcome.run_id,
        **session.facts(),
        "seconds": session.seconds,
        "found": msgspec.to_builtins(outcome.found),
    }
