"""What the desk asks of a person at this moment, and why; each reason is a function of REASONS.

An item is there while its reason holds: a halt until it is resumed, an alarm until its incident has
ended, a scan until a newer one of its fleet has its quorum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.scan import store
from qe_plugins.fleet.scan.progress import ScanState, state_of
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.facts import FactKind, RunFact, RunState
from qe_plugins.journal.store import Journal
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.mission.rules import DeskItem

RECENT = timedelta(days=7)
"""How long a proposal and a parity check are asked about."""

FACTS = 100
"""Facts of a kind that are looked at, the newest."""

SUNDAY = 6
APPROVAL = time(12)
"""When the weekly approval is due, on Sunday in Chicago: five hours before the open."""


class DeskView(msgspec.Struct, frozen=True, kw_only=True):
    """What the reasons look at: the journal, None where there is none, and the moment."""

    journal: Journal | None
    now: datetime

    def newest(self, *kinds: FactKind) -> list[RunFact]:
        """Return the newest facts of some kinds, newest first."""
        if self.journal is None:
            return []
        return self.journal.page(kinds=kinds, limit=FACTS, newest_first=True)


def asked_of_a_person(journal: Journal | None, now: datetime | None = None) -> list[DeskItem]:
    """Return everything that the desk asks for now, the most urgent first. Raises JournalError."""
    view = DeskView(journal=journal, now=now or datetime.now(UTC))
    return [item for reason in REASONS for item in reason(view)]


def halt_in_force(view: DeskView) -> Iterator[DeskItem]:
    """A halt asks for a look, until a person resumes at a terminal."""
    halt = HaltLatch.at_home().read()
    if halt is not None:
        yield DeskItem(
            source=f"halt:{halt.since.astimezone(UTC):%Y%m%d-%H%M%S}",
            title=f"Halted: {halt.reason}",
            why=f"by {halt.who}; no new risk and no model call until qe resume at a terminal",
            href=f"/incident/halt-{halt.since.astimezone(UTC):%Y%m%d-%H%M%S}",
        )


def alarms(view: DeskView) -> Iterator[DeskItem]:
    """An alarm asks for a look, until the watcher says that its incident has ended."""
    reported: set[str] = set()
    for one in view.newest(FactKind.ALARM):
        body = one.fact.body
        incident = str(body.get("incident", one.run_id))
        if incident not in reported and not body.get("ended"):
            yield DeskItem(
                source=f"alarm:{incident}",
                title=f"{body.get('kind', 'alarm')} {body.get('about', '')}".replace("_", " "),
                why=str(body.get("text", "")),
                href=f"/incident/{incident}",
            )
        reported.add(incident)


def dead_sessions(view: DeskView) -> Iterator[DeskItem]:
    """A session that died or fell silent asks to be continued or ended."""
    reported = set()
    for seen in read_sessions()[0]:
        if seen.state != "running":
            reported.add(seen.status.run_id)
            yield DeskItem(
                source=f"session:{seen.status.run_id}",
                title=f"The session of {seen.status.name} {seen.state}",
                why=f"last heartbeat {seen.age:.0f} s ago; "
                f"its process was {seen.status.pid} on {seen.status.host}",
                href=f"/run/{seen.status.run_id}",
            )
    for run in view.journal.open_runs() if view.journal else []:
        if run.state is RunState.DIED and run.run_id not in reported:
            yield DeskItem(
                source=f"session:{run.run_id}",
                title=f"The session of {run.name} died",
                why=f"qe paper FILE --resume {run.run_id} continues it, "
                f"qe runs remove {run.run_id} ends it",
                href=f"/run/{run.run_id}",
            )


def weekly_approval(view: DeskView) -> Iterator[DeskItem]:
    """On Sunday the gateway's login has to be approved, where this desk trades at a broker.

    It no longer asks once a live session has run since Sunday began in Chicago.
    """
    local = view.now.astimezone(CHICAGO)
    if local.weekday() != SUNDAY or view.journal is None:
        return
    since = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    modes = [one for one in view.newest(FactKind.RUN) if one.fact.body.get("mode") == "live"]
    started = {run.run_id: run.started for run in view.journal.runs()}
    started |= {run.run_id: run.started for run in view.journal.open_runs()}
    moments = [started[one.run_id] for one in modes if one.run_id in started]
    if moments and max(moments) < since:
        yield DeskItem(
            source=f"approval:{local:%Y-%m-%d}",
            title="Approve the gateway",
            why="its login ends once a week; without the approval on your phone no session starts",
            href="/launchpad",
        )


def next_approval(now: datetime) -> datetime:
    """Return when the gateway's login is to be approved next, in UTC."""
    local = now.astimezone(CHICAGO)
    day = local.date() + timedelta(days=(SUNDAY - local.weekday()) % 7)
    due = datetime.combine(day, APPROVAL, CHICAGO)
    if due < local:
        due = datetime.combine(day + timedelta(days=7), APPROVAL, CHICAGO)
    return due.astimezone(UTC)


def red_parity(view: DeskView) -> Iterator[DeskItem]:
    """A parity check that found differences asks for a look, until a newer one of its session."""
    reported = set()
    for one in view.newest(FactKind.PARITY):
        session = str(one.fact.body.get("session", ""))
        if session in reported or not _recent(one, view):
            continue
        reported.add(session)
        if not one.fact.body.get("clean", True):
            count = one.fact.body.get("differences", 0)
            yield DeskItem(
                source=f"parity:{one.run_id}",
                title=f"Parity of {session}: {count} differences",
                why=_first_cause(one),
                href=f"/run/{one.run_id}",
            )


def failed_scans(view: DeskView) -> Iterator[DeskItem]:
    """The newest scan of a fleet asks for a look where it has no quorum, or was interrupted."""
    reported = set()
    for scan_id in reversed(store.scans()):
        name = scan_id.partition("-")[2].rpartition("-")[0]
        if name in reported:
            continue
        reported.add(name)
        folder = store.find(scan_id)[1]
        try:
            state, result = state_of(folder), folder.result()
        except FleetError as error:
            yield _scan_item(scan_id, f"Scan of {name} cannot be read", str(error))
            continue
        if state is ScanState.INTERRUPTED:
            why = f"qe fleet resume {scan_id} finishes it; what is answered is not asked again"
            yield _scan_item(scan_id, f"Scan of {name} was interrupted", why)
        elif result is not None and not result.quorum:
            why = result.reason or f"{result.coverage:.0%} of the workers answered"
            yield _scan_item(scan_id, f"Scan of {name} has no quorum", why)


def proposals(view: DeskView) -> Iterator[DeskItem]:
    """A proposal asks for a decision, for a week."""
    for one in view.newest(FactKind.PROPOSAL)[:3]:
        if _recent(one, view):
            body = one.fact.body
            yield DeskItem(
                source=f"proposal:{one.run_id}/{one.fact.id}",
                title=f"Proposal: {body.get('title', one.fact.id)}",
                why=str(body.get("reason", "")),
                href=f"/run/{one.run_id}",
            )


def reviews(view: DeskView) -> Iterator[DeskItem]:
    """The review of the worst trade of the newest session is worth reading, for a day."""
    found = view.newest(FactKind.REVIEW)
    if not found or view.now.timestamp() - found[0].fact.ts_event / 1e9 > 86_400:
        return
    run = found[0].run_id
    lost = {
        one.fact.id: float(one.fact.body.get("pnl") or 0)
        for one in (view.journal.page(kinds=[FactKind.TRADE], run=run) if view.journal else [])
    }
    of_run = [one for one in found if one.run_id == run]
    worst = min(of_run, key=lambda one: lost.get(one.fact.cause or "", 0.0))
    if lost.get(worst.fact.cause or "", 0.0) < 0:
        trade = (worst.fact.cause or "").removeprefix("trade:")
        yield DeskItem(
            source=f"review:{run}/{worst.fact.id}",
            title=f"Read the review of {trade}",
            why=str(worst.fact.body.get("summary", "")),
            href=f"/trade/{trade}?run={run}",
        )


REASONS: tuple[Callable[[DeskView], Iterator[DeskItem]], ...] = (
    halt_in_force,
    alarms,
    dead_sessions,
    weekly_approval,
    red_parity,
    failed_scans,
    proposals,
    reviews,
)
"""Why the desk asks for a person, the most urgent first."""


def _recent(one: RunFact, view: DeskView) -> bool:
    return view.now - datetime.fromtimestamp(one.fact.ts_event / 1e9, UTC) < RECENT


def _first_cause(one: RunFact) -> str:
    causes = one.fact.body.get("causes") or [{}]
    return str(causes[0].get("cause", "see what differs"))


def _scan_item(scan_id: str, title: str, why: str) -> DeskItem:
    return DeskItem(
        source=f"scan:{scan_id}", title=title, why=why, href=f"/orchestration/{scan_id}"
    )
