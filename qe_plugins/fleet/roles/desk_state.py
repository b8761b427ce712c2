"""The state of the desk at a moment of its data: market, news, bus, journal and postures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from qe_plugins import wall_clock
from qe_plugins.errors import FleetError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.messaging.outbox import Message, Outbox
from qe_plugins.fleet.prompts.requests import headlines, lesson_texts
from qe_plugins.fleet.recording.as_of import HistoricMarket
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.run_facts import facts_at
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tasks.snapshot_loader import open_market
from qe_plugins.fleet.tools.context import FactQuery, no_facts
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.lookup import resolve_run
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.recordings.postures import PostureFile

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MOST = 1_000
MOST_SHOWN = 5
SESSION_ID = re.compile(r"[a-z]+-(.+)-(\d{8}T\d{6}Z)(-.*)?")
"""The id of a session of a role: role, fleet, moment, and what tells it from others of them."""


def desk_state(
    loaded: LoadedFleet, at: datetime | None = None, run: str | None = None, **more: Any
) -> RoleContext:
    """Return the state of the desk as of `at`, by default the last bar of the fleet's data.

    With a `run` its facts can be read, and what it held is known. Raises FleetError where the data
    has no bar within five minutes before it.
    """
    whole = open_market(loaded)
    moment = whole.as_of if at is None else int(at.timestamp()) * SECOND
    history = HistoricMarket(whole.frame)
    market = history.at(moment)
    if market is None:
        hint = "Choose a time of a session that the data has."
        message = "there is no bar in the five minutes before it."
        raise FleetError(message, where=f"{datetime.fromtimestamp(moment / 1e9, UTC)}", hint=hint)
    return RoleContext(
        loaded=loaded,
        market=market,
        as_of=moment,
        past=history.whole(moment) if more.get("trades") else None,
        facts=_fact_query(run, loaded.fleet.name),
        held=held_at(run, moment),
        postures=PostureFile(loaded.fleet.name).unexpired(moment),
        **outside_state(loaded.fleet, moment),
        **more,
    )


def outside_state(fleet: Fleet, moment: int) -> dict[str, Any]:
    """Return the fields of a context that neither market nor run give: news, bus and lessons.

    Lessons are those of the fleet's file, and its ANALYST's own that have held by the moment.
    """
    learned = lessons_of(fleet.name, moment)
    return {
        "news": headlines(fleet, moment),
        "messages": messages_at(fleet.name, moment),
        "learned": learned,
        "lessons": (*lesson_texts(fleet, moment), *held_texts(learned)),
    }


def messages_at(fleet: str, moment: int) -> list[Message]:
    """Return the messages of a fleet's sessions of the 24 hours before a moment (UTC ns).

    A session's id has its moment, so that none from later is shown.
    """
    with Outbox() as bus:
        recent = [one for one in bus.scans() if _is_recent(one, fleet, moment)]
        found = [message for one in recent for message in bus.read(scan=one)]
    return sorted(found, key=lambda one: one.cursor)


def _is_recent(scan: str, fleet: str, moment: int) -> bool:
    """Return whether a scan is a session of a fleet's role in the 24 hours before a moment."""
    match = SESSION_ID.fullmatch(scan)
    if match is None or match[1] != fleet:
        return False
    at = datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    return 0 <= moment - int(at) * SECOND <= DAY


def lessons_of(fleet: str, moment: int) -> list[Fact]:
    """Return the lessons that a fleet's ANALYST wrote by a moment (UTC ns), the newest first."""
    if not Journal.exists():
        return []
    with Journal.open() as journal:
        facts = journal.page(
            kinds=[FactKind.LESSON], until_ns=moment + 1, newest_first=True, limit=MOST
        )
    own = [one.fact for one in facts if _fleet_of(one.run_id) == fleet]
    return [one for one in own if "basis" in one.body]


def held_texts(learned: Sequence[Fact]) -> tuple[str, ...]:
    """Return the lessons that later trades have confirmed, the newest ones, the oldest first."""
    held = [str(one.body["text"]) for one in learned if "held" in one.body]
    return tuple(held[:MOST_SHOWN][::-1])


def _fleet_of(session: str) -> str | None:
    match = SESSION_ID.fullmatch(session)
    return match[1] if match else None


def spent_today() -> Decimal:
    """Return what the calls of models since midnight UTC have cost, in USD."""
    today = wall_clock.now().astimezone(UTC).date().isoformat()
    with Ledger() as ledger:
        return sum((one.usd for one in ledger.costs("day") if one.group == today), Decimal(0))


def _fact_query(run: str | None, fleet: str) -> FactQuery:
    """Return what reads a run's facts, and those of the fleet's own sessions since it began."""
    if run is None:
        return no_facts
    with Journal.open() as journal:
        chosen = _traded(journal, run)

    def query(kinds: Sequence[FactKind], until: int, limit: int) -> list[Fact]:
        with Journal.open() as journal:
            return facts_at(journal, fleet, chosen, kinds, until, limit)

    return query


def facts_of(run: str, kinds: Sequence[FactKind]) -> list[Fact]:
    """Return a run's facts of some kinds, in their order. Raises JournalError for no such run."""
    with Journal.open() as journal:
        return journal.facts(_traded(journal, run), kinds)


def _traded(journal: Journal, run: str) -> str:
    """Return the id of a run: by place and by name only those that are no session of a role."""
    first = journal.first_facts()
    traded = [name for name, fact in first.items() if "role" not in fact.body]
    newest = {name: str(first[name].body.get("name", "")) for name in reversed(traded)}
    return resolve_run(run, list(first), lambda: newest, hint="`qe runs` lists them.")


def held_at(run: str | None, moment: int) -> dict[str, int]:
    """Return the signed contracts that a run held at a moment (UTC ns), from its fills."""
    held: dict[str, Decimal] = {}
    for fact in facts_of(run, [FactKind.FILL]) if run else ():
        if fact.ts_event <= moment:
            sign = 1 if fact.body["side"] == "BUY" else -1
            name = fact.body["instrument_id"]
            held[name] = held.get(name, Decimal(0)) + sign * Decimal(fact.body["quantity"])
    return {name: int(count) for name, count in held.items() if count}
