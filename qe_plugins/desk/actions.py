"""What each kind of step does. A step that is taken again has the same result and pays nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from qe_plugins.desk.day_journal import synthesis_page
from qe_plugins.desk.hunting import HuntMarket
from qe_plugins.desk.next_step import MOST_ATTEMPTS
from qe_plugins.desk.records import DeskSituation, DeskStep, StepKind, StepResult
from qe_plugins.desk.role_sessions import RoleSessions, cost_of
from qe_plugins.desk.session_process import QE
from qe_plugins.errors import FleetError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.recording.live import LiveRecording
from qe_plugins.fleet.roles import PersonLimits, run_role
from qe_plugins.fleet.roles.context import session_id
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.halt.status import SeenSession
from qe_plugins.market.sessions import session_on
from qe_plugins.plugins.types import Posture, Role
from qe_plugins.recordings.delivered_signals import DeliveredSignal, SignalFile
from qe_plugins.recordings.postures import PublishedPosture, of_run, tightest
from qe_plugins.safe_text import in_words
from qe_plugins.wall_clock import nanoseconds

LONGEST = 2_400.0
"""Seconds after which parity or a report is ended: the market opens again."""

STALE = timedelta(minutes=10)
"""The age of a session's last bar above which a posture by rules allows no new risk."""

CLEAN, RED, TOO_LATE = 0, 1, -1

ONE_LINE = "1000"
"""Columns of the terminal that a command of a step sees."""


class DeskActions:
    """The actions of a desk, for its loop.

    `roles` runs the sessions of roles, `session` is the session as its heartbeat says, `day` the
    day in work.
    """

    def __init__(
        self,
        loaded: LoadedFleet,
        market: HuntMarket,
        roles: RoleSessions,
        *,
        session: Callable[[], SeenSession | None],
        day: Callable[[], date],
        stop: StopRequest,
        send: str | None = None,
    ) -> None:
        self._loaded, self._market, self._roles = loaded, market, roles
        self._session, self._day, self._stop, self._send = session, day, stop, send
        self.recording = LiveRecording(loaded)
        self.by_kind = {
            StepKind.SESSION: self.note_session,
            StepKind.HUNT: self.hunt,
            StepKind.GUARD: self.guard,
            StepKind.REVIEW: self.review,
            StepKind.PARITY: self.parity,
            StepKind.REPORT: self.report,
        }

    def note_session(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Note the session that the day is beside: a desk that was killed finds it by that."""
        return StepResult(text="beside this session")

    def hunt(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Ask the fleet as of the step's moment; the session reads what was found."""
        settings, at = self._loaded.fleet.desk, nanoseconds(step.due)
        is_scan = settings is not None and settings.hunt == "scan"
        name = self.recording.scan_id(at) if is_scan else self._session_id(at)
        try:
            return self._scan(step, view) if is_scan else self._hunt(step, view)
        except FleetError as error:  # what was paid for it counts all the same
            return StepResult(text=in_words(error), usd=cost_of(name), failed=True)

    def _session_id(self, at: int) -> str:
        return session_id(Role.HUNTER, self._loaded.fleet.name, at)

    def _hunt(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Have the HUNTER work in a session of its own; the same step again pays nothing."""
        name = self._session_id(nanoseconds(step.due))
        outcome = run_role(Role.HUNTER, self._roles.context(step.due, view.run, self._session()))
        usd, signals = cost_of(name), outcome.found.signals
        delivered = self._roles.delivered(step.due)
        faster = self._roles.lasting(step.due, delivered)
        SignalFile(self.recording.name).append(
            [
                DeliveredSignal(
                    at=delivered,
                    hunt=step.id,
                    usd=usd / len(signals),
                    signal=msgspec.structs.replace(
                        one, expires=one.expires and one.expires + faster
                    ),
                )
                for one in signals
            ]
        )
        said = ", ".join(f"{one.side} {one.instrument_id}" for one in signals)
        refused = f", {len(outcome.found.refused)} refused" if outcome.found.refused else ""
        return StepResult(
            text=f"{said or 'nothing'}{refused}, {outcome.session.turns} turns",
            usd=usd,
            body={"session": name, "signals": len(signals), "end": outcome.session.end},
        )

    def _scan(self, step: DeskStep, view: DeskSituation) -> StepResult:
        market, at = self._market.until(step.due, view.run), nanoseconds(step.due)

        def delivered() -> int:
            return self._roles.delivered(step.due)

        decision = self.recording.decide(market, at, delivered, self._stop)
        said = ", ".join(f"{one.instrument} {one.score:+.2f}" for one in decision.opinions)
        return StepResult(
            text=f"{said or 'no opinion'}, {len(decision.votes)} votes",
            usd=decision.usd,
            body={
                "recording": self.recording.name,
                "scan": self.recording.scan_id(at),
                "opinions": {one.instrument: one.score for one in decision.opinions},
            },
        )

    def guard(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Renew the posture of the session: by rules, which GUARDIAN may then tighten.

        The posture by rules is written first, so that whatever becomes of the role the session is
        guarded; it stands alone under a halt and once the day's budget is used up.
        """
        seen = self._session()
        if seen is None:
            return StepResult(text="no session to guard", skipped=True)
        settings = self._loaded.fleet.desk
        assert settings is not None
        posture = posture_by_rules(step, view, seen, settings.posture_valid)
        file, at = of_run(seen.status.run_id), nanoseconds(view.now)
        if all(one.session != step.id for one in file.read()):  # not so after a kill
            file.append(PublishedPosture(decided=at, posture=posture, session=step.id))
        valid = posture.valid_until
        if Role.GUARDIAN not in settings.roles or not view.paid:
            in_force = tightest(file.unexpired(at)) or posture
            return StepResult(text=f"{_limit(in_force)}: {in_force.reason}", valid_until=valid)
        person = PersonLimits(
            max_contracts=settings.limits.max_contracts,
            max_loss=settings.limits.max_loss,
            validity=settings.limits.validity,
        )
        found = self._roles.guard(step.due, seen, person)
        made = [] if found.posture is None else [found.posture]
        in_force = tightest([*file.unexpired(at), *made]) or posture
        return StepResult(
            text=f"{_limit(in_force)}: {found.text}",
            usd=found.usd,
            valid_until=valid,
            renew=found.renew,
        )

    def review(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Have ANALYST review a trade, which the session's own analysts have reviewed by then."""
        settings = self._loaded.fleet.desk
        if settings is not None and Role.ANALYST in settings.roles:
            return self._roles.review(step, self._session())
        return StepResult(text="reviewed by the session's analysts alone", skipped=True)

    def parity(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Rerun the session as a backtest and record what differs."""
        code, last = _qe("parity", step.run or "last")
        if code not in (CLEAN, RED):
            raise FleetError(last, where=f"parity of {step.run}")
        return StepResult(text=last, body={"clean": code == CLEAN})

    def report(self, step: DeskStep, view: DeskSituation) -> StepResult:
        """Write the report of the day so far, and send it where the settings say.

        What the page of a failed report has cost is with its last attempt: the earlier ones are not
        paid again.
        """
        settings, said, usd = self._loaded.fleet.desk, "", Decimal(0)
        if settings is not None and Role.SYNTHESIS in settings.roles and view.paid:
            session = session_on(settings.root, self._day())
            due = step.due if session is None else min(step.due, session.close)
            page = synthesis_page(self._day())
            said, usd = self._roles.synthesis(due, view.run, self._session(), page)
        send = ["--send", self._send] if self._send else []
        code, last = _qe("report", "day", self._day().isoformat(), *send)
        if code != CLEAN:
            usd = usd if step.attempt == MOST_ATTEMPTS else Decimal(0)
            return StepResult(text=f"report: {last}", usd=usd, failed=True)
        return StepResult(text=f"{last}; {said}" if said else last, usd=usd)


def posture_by_rules(
    step: DeskStep, view: DeskSituation, seen: SeenSession, valid: float
) -> Posture:
    """Return the posture that needs no model: halted while trading is, or without recent bars."""
    bars = list(seen.status.last_bars.values())
    why = "nothing speaks against new risk"
    if view.halted:
        why = "trading is halted"
    elif bars and view.now - max(bars) > STALE:
        why = f"the last bar is of {max(bars):%H:%M} UTC"
    return Posture(
        reason=f"by rules: {why}",
        halt=view.halted or (bool(bars) and view.now - max(bars) > STALE),
        valid_until=nanoseconds(step.due + timedelta(seconds=valid)),
        source="desk",
    )


def _limit(posture: Posture) -> str:
    if posture.halt:
        return "no new risk"
    if posture.max_contracts is None:
        return "the rung's limits"
    return f"at most {posture.max_contracts} contract{'s' if posture.max_contracts != 1 else ''}"


def _qe(*words: str) -> tuple[int, str]:
    """Return the exit code of a command and its last line; TOO_LATE and why where it took long."""
    try:
        done = subprocess.run(
            [*QE, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            env=os.environ | {"COLUMNS": ONE_LINE},  # its last line is one, not wrapped
            check=False,
        )
    except subprocess.TimeoutExpired:
        return TOO_LATE, f"it took longer than {LONGEST:.0f} s"
    said = done.stdout.strip().splitlines()
    return done.returncode, said[-1].strip() if said else "it printed nothing"
