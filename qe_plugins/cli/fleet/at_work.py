"""What `qe fleet hunt|guard|review|report` have in common: the state of the desk at a moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.fleet.plan import FILE, OVERRIDES, PROVIDER, load_fleet
from qe_plugins.cli.output import MomentParam, dollars, echo, json_option

if TYPE_CHECKING:
    from qe_plugins.fleet.messaging.outbox import Message
    from qe_plugins.fleet.roles import RoleContext, RoleOutcome
    from qe_plugins.fleet.sessions import SessionResult
    from qe_plugins.fleet.tools.context import FactQuery
    from qe_plugins.journal.facts import Fact, FactKind

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
SESSION_ID = re.compile(r"[a-z]+-(.+)-(\d{8}T\d{6}Z)")


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
    from qe_plugins.errors import FleetError
    from qe_plugins.fleet.messaging.outbox import Outbox
    from qe_plugins.fleet.prompts.requests import outside_texts
    from qe_plugins.fleet.recording.as_of import HistoricMarket
    from qe_plugins.fleet.roles import RoleContext
    from qe_plugins.fleet.tasks.snapshot_loader import open_market
    from qe_plugins.recordings.postures import PostureFile

    loaded = load_fleet(config, overrides, provider)
    whole = open_market(loaded)
    moment = whole.as_of if at is None else int(at.timestamp()) * SECOND
    market = HistoricMarket(whole.frame).at(moment)
    if market is None:
        hint = "Choose a time of a session that the data has."
        raise FleetError("has no bar in the five minutes before it.", where="--at", hint=hint)
    with Outbox() as bus:
        messages = messages_at(bus.read(), loaded.fleet.name, moment)
    return RoleContext(
        loaded=loaded,
        market=market,
        as_of=moment,
        news=outside_texts(loaded.fleet, moment),
        messages=messages,
        facts=_fact_query(run, loaded.fleet.name),
        held=held_at(run, moment),
        postures=PostureFile(loaded.fleet.name).unexpired(moment),
        session=session or "",
        replay=replay,
        **more,
    )


def messages_at(messages: Sequence[Message], fleet: str, moment: int) -> list[Message]:
    """Return the messages of a fleet's sessions of the 24 hours before a moment (UTC ns).

    A session's id ends with its moment, so that none from later is shown.
    """
    found = []
    for one in messages:
        match = SESSION_ID.fullmatch(one.scan)
        if match and match[1] == fleet:
            at = datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
            if 0 <= moment - int(at) * SECOND <= DAY:
                found.append(one)
    return found


def _fact_query(run: str | None, fleet: str) -> FactQuery:
    """Return what reads a run's facts, and those of the fleet's own sessions since it began."""
    from qe_plugins.fleet.tools.context import no_facts

    if run is None:
        return no_facts

    def query(kinds: Sequence[FactKind], until: int, limit: int) -> list[Fact]:
        found = [one for one in facts_of(run, kinds, fleet) if one.ts_event <= until]
        return sorted(found, key=lambda one: -one.ts_event)[:limit]

    return query


def facts_of(run: str, kinds: Sequence[FactKind], fleet: str | None = None) -> list[Fact]:
    """Return a run's facts of some kinds, in their order. Raises JournalError for no such run.

    `last` is the newest run that is no session of a role. With a `fleet` the facts of its own
    sessions since the run began are added.
    """
    from qe_plugins.journal.store import Journal

    with Journal.open() as journal:
        first = journal.first_facts()
        sessions = {name for name, fact in first.items() if "role" in fact.body}
        traded = [name for name in first if name not in sessions]
        chosen = traded[-1] if run == "last" and traded else journal.resolve(run)
        found = journal.facts(chosen, kinds)
        begun = min((one.ts_event for one in journal.facts(chosen)), default=0)
        for name in sorted(sessions) if fleet else ():
            own = str(first[name].body.get("name", "")).endswith(f" {fleet}")
            if own and first[name].ts_event >= begun:
                found += journal.facts(name, kinds)
    return found


def held_at(run: str | None, moment: int) -> dict[str, int]:
    """Return the signed contracts that a run held at a moment (UTC ns), from its fills."""
    from decimal import Decimal

    from qe_plugins.journal.facts import FactKind

    held: dict[str, Decimal] = {}
    for fact in facts_of(run, [FactKind.FILL]) if run else ():
        if fact.ts_event <= moment:
            sign = 1 if fact.body["side"] == "BUY" else -1
            name = fact.body["instrument_id"]
            held[name] = held.get(name, Decimal(0)) + sign * Decimal(fact.body["quantity"])
    return {name: int(count) for name, count in held.items() if count}


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
