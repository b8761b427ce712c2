"""Sessions of the coordinators for a desk's steps: what each is given, and what comes of it.

A session has the moment of its step in its id, so that a step taken up again pays nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.desk.hunting import HuntMarket
from qe_plugins.desk.next_step import MOST_ATTEMPTS
from qe_plugins.desk.records import DeskStep, StepResult
from qe_plugins.errors import FleetError, QeError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.roles import PersonLimits, RoleContext, run_role
from qe_plugins.fleet.roles.closed_trades import OF_TRADES, closed_trades
from qe_plugins.fleet.roles.desk_state import outside_state, spent_today
from qe_plugins.fleet.roles.run_facts import facts_at
from qe_plugins.halt.latch import write_atomically
from qe_plugins.halt.status import SeenSession
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.plugins.types import Posture, Role
from qe_plugins.recordings.postures import PublishedPosture, of_run
from qe_plugins.safe_text import in_words
from qe_plugins.wall_clock import nanoseconds

DAY = 86_400 * 10**9
"""A session beside a live market may run for weeks: roles see its last 24 hours."""

LEAST_LOOKS = 10
"""Margins of a session's clock between two postures at least: in a fast replay hunts come too."""


class GuardResult(msgspec.Struct, frozen=True, kw_only=True):
    """What GUARDIAN added to the posture by rules, None where nothing; `renew` is in UTC ns."""

    text: str
    renew: int
    usd: Decimal = Decimal(0)
    posture: Posture | None = None


class RoleSessions:
    """Runs sessions of roles beside a session as its heartbeat says.

    `clock` returns the market's time now, `margin` how long after it a session has surely seen what
    is written. In a replay at a `speed` a posture lives as long as at the market's own pace.
    """

    def __init__(
        self,
        loaded: LoadedFleet,
        market: HuntMarket,
        journal: Journal,
        *,
        clock: Callable[[], datetime | None],
        margin: timedelta,
        speed: float = 1.0,
    ) -> None:
        self._loaded, self._market, self._journal = loaded, market, journal
        self._clock, self._margin, self._speed = clock, margin, speed

    def context(
        self, due: datetime, run: str | None, seen: SeenSession | None, **more: Any
    ) -> RoleContext:
        """Return the desk's state at a moment. Raises FleetError without a fresh bar."""
        at = nanoseconds(due)
        history = self._market.until(due, run)
        market = history.at(at)
        if market is None:
            raise FleetError("the market has no fresh bar at its moment.")
        held = {} if seen is None else seen.status.positions
        return RoleContext(
            loaded=self._loaded,
            market=market,
            as_of=at,
            past=history.whole(at) if more.get("trades") else None,
            facts=partial(facts_at, self._journal, self._loaded.fleet.name, run, span=DAY),
            held={contract: int(count) for contract, count in held.items() if count},
            postures=[] if run is None else of_run(run).unexpired(at),
            **outside_state(self._loaded.fleet, at),
            **more,
        )

    def delivered(self, due: datetime) -> int:
        """Return when a session surely sees what is written now, UTC nanoseconds."""
        return nanoseconds((self._clock() or due) + self._margin)

    def lasting(self, due: datetime, delivered: int) -> int:
        """Return the nanoseconds by which a replay ages what is delivered: none at real pace."""
        return round((delivered - nanoseconds(due)) * (1 - 1 / self._speed))

    def guard(self, due: datetime, seen: SeenSession, limits: PersonLimits) -> GuardResult:
        """Have GUARDIAN tighten the posture of a session, published once.

        A role that fails or gives no answer adds nothing: the posture by rules holds without it.
        """
        at, run = nanoseconds(due), seen.status.run_id
        least = nanoseconds(due + LEAST_LOOKS * self._margin)
        again = max(least, at + int(limits.validity * 10**9))
        lost = max(-(seen.status.day_pnl or Decimal(0)), Decimal(0))
        try:
            context = self.context(due, run, seen, limits=limits, loss=lost)
        except QeError as error:
            return GuardResult(text=f"by rules alone: {in_words(error)}", renew=again)
        name = context.session_of(Role.GUARDIAN)
        try:
            outcome = run_role(Role.GUARDIAN, context)
        except QeError as error:
            text = f"by rules alone: {in_words(error)}"
            return GuardResult(text=text, usd=cost_of(name), renew=again)
        usd, posture = cost_of(name), outcome.found.posture
        if posture is None:
            why = outcome.session.detail or outcome.session.end
            text = f"by rules alone: no answer ({why})"
            return GuardResult(text=text, usd=usd, renew=again)
        delivered = self.delivered(due)
        until = (posture.valid_until or at) + self.lasting(due, delivered)
        posture = msgspec.structs.replace(posture, valid_until=until)
        file = of_run(run)
        if all(one.session != name for one in file.read()):  # not so after a kill
            file.append(PublishedPosture(decided=delivered, posture=posture, session=name))
        refused = outcome.found.refused
        text = f"GUARDIAN: {posture.reason}"
        text += f" (looser {', '.join(refused)} refused)" if refused else ""
        return GuardResult(text=text, usd=usd, renew=max(least, until), posture=posture)

    def review(self, step: DeskStep, seen: SeenSession | None) -> StepResult:
        """Have ANALYST review a closed trade, with those of its session before it.

        What a failed review has cost is with its last attempt: the earlier ones are not paid again.
        """
        assert step.run is not None  # a review is of a trade of a run
        trades = closed_trades(self._journal.facts(step.run, OF_TRADES))
        [own] = [one for one in trades if one.id == f"trade:{step.trade}"]
        key = hashlib.sha256(step.key.encode()).hexdigest()[:8]
        closed = datetime.fromtimestamp(own.closed // 10**9, UTC)
        before = [one for one in trades if one.closed <= own.closed]
        try:
            context = self.context(closed, step.run, seen, trades=before)
        except FleetError as error:  # such as a settlement: there will be none later either
            return StepResult(text=in_words(error), skipped=True)
        name = f"{context.session_of(Role.ANALYST)}-{key}"
        try:
            outcome = run_role(Role.ANALYST, replace(context, as_of=own.closed, session=name))
        except FleetError as error:
            usd = cost_of(name) if step.attempt == MOST_ATTEMPTS else Decimal(0)
            return StepResult(text=in_words(error), usd=usd, failed=True)
        found = outcome.found
        lessons = "; ".join(one.text for one in found.lessons) or "no lesson"
        answer = "" if outcome.session.end == "answered" else f" ({outcome.session.end})"
        return StepResult(
            text=f"ANALYST over {found.trades} trades: {lessons}{answer}",
            usd=cost_of(name),
            body={"session": name, "lessons": len(found.lessons)},
        )

    def synthesis(
        self, due: datetime, run: str | None, seen: SeenSession | None, file: Path
    ) -> tuple[str, Decimal]:
        """Have SYNTHESIS write its page to a file; return what came of it, and its cost in USD.

        A role that fails leaves the page as it was.
        """
        usd = Decimal(0)
        try:
            context = self.context(due, run, seen, spent=spent_today())
            name = context.session_of(Role.SYNTHESIS)
            try:
                outcome = run_role(Role.SYNTHESIS, context)
            finally:
                usd = cost_of(name)
        except QeError as error:
            return f"no page of SYNTHESIS: {in_words(error)}", usd
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, outcome.found.html.encode())
        return outcome.found.markdown.partition("\n")[0], usd


def cost_of(session: str) -> Decimal:
    """Return what a session and the trees that it deployed cost in USD, also before a restart."""
    with Ledger() as ledger:
        rows = ledger.costs("scan")
    mine = (one for one in rows if one.group == session or one.group.startswith(f"{session}-"))
    return sum((one.usd for one in mine), Decimal(0))
