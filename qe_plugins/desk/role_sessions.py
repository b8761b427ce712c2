"""Sessions of the coordinators for a desk's steps: what each is given, and what comes of it.

A session has the moment of its step in its id, so that a step taken up again pays nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.desk.hunting import HuntMarket
from qe_plugins.errors import FleetError, QeError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.requests import outside_texts
from qe_plugins.fleet.roles import PersonLimits, RoleContext, run_role
from qe_plugins.halt.status import SeenSession
from qe_plugins.llm.ledger import Ledger
from qe_plugins.plugins.types import Posture, Role
from qe_plugins.recordings.postures import PublishedPosture, of_run
from qe_plugins.safe_text import in_words
from qe_plugins.wall_clock import nanoseconds

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
        *,
        clock: Callable[[], datetime | None],
        margin: timedelta,
        speed: float,
    ) -> None:
        self._loaded, self._market = loaded, market
        self._clock, self._margin, self._speed = clock, margin, speed

    def context(
        self, due: datetime, run: str | None, seen: SeenSession | None, **more: Any
    ) -> RoleContext:
        """Return the desk's state at a moment. Raises FleetError without a fresh bar."""
        at = nanoseconds(due)
        market = self._market.until(due, run).at(at)
        if market is None:
            raise FleetError("the market has no fresh bar at its moment.")
        held = {} if seen is None else seen.status.positions
        return RoleContext(
            loaded=self._loaded,
            market=market,
            as_of=at,
            news=outside_texts(self._loaded.fleet, at),
            held={contract: int(count) for contract, count in held.items() if count},
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
        file = of_run(run)
        again = max(least, at + int(limits.validity * 10**9))
        lost = max(-(seen.status.day_pnl or Decimal(0)), Decimal(0))
        try:
            before = file.unexpired(at)
            context = self.context(due, run, seen, limits=limits, loss=lost, postures=before)
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
            text = f"by rules alone: no answer ({outcome.session.end})"
            return GuardResult(text=text, usd=usd, renew=again)
        delivered = self.delivered(due)
        until = (posture.valid_until or at) + self.lasting(due, delivered)
        posture = msgspec.structs.replace(posture, valid_until=until)
        if all(one.session != name for one in file.read()):  # not so after a kill
            file.append(PublishedPosture(decided=delivered, posture=posture, session=name))
        refused = outcome.found.refused
        text = f"GUARDIAN: {posture.reason}"
        text += f" (looser {', '.join(refused)} refused)" if refused else ""
        return GuardResult(text=text, usd=usd, renew=max(least, until), posture=posture)


def cost_of(session: str) -> Decimal:
    """Return what a session and the trees that it deployed cost in USD, also before a restart."""
    with Ledger() as ledger:
        rows = ledger.costs("scan")
    mine = (one for one in rows if one.group == session or one.group.startswith(f"{session}-"))
    return sum((one.usd for one in mine), Decimal(0))
