"""What a desk says of itself in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from qe_plugins.desk.day_journal import DeskDayJournal
from qe_plugins.desk.records import DeskSituation, StepKind, StepState
from qe_plugins.halt.status import SeenSession
from qe_plugins.market.exchange_zone import CHICAGO


def line_of(
    name: str,
    view: DeskSituation,
    seen: SeenSession | None,
    day: DeskDayJournal,
    *,
    budget: Decimal | None,
    missed: int,
    after: datetime,
) -> str:
    """Return the line: time, session, posture, steps, cost, and when the next step may be due."""
    spent = day.spent()
    parts = [
        f"{name}  {_chicago(view.now)} Chicago",
        _session(seen),
        _posture(day, view),
        _steps(day, missed),
        f"${spent:.2f}" if budget is None else f"${spent:.2f} of ${budget:.2f} a day",
    ]
    if view.halted:
        parts.append("HALTED")
    elif not view.paid:
        parts.append("budget used up: guarding by rules")
    parts.append(f"next {_chicago(after)}")
    return "  ".join(parts)


def _session(seen: SeenSession | None) -> str:
    if seen is None:
        return "no session"
    one = seen.status
    held = ", ".join(f"{count:+f} {contract}" for contract, count in one.positions.items() if count)
    pnl = "" if one.day_pnl is None else f", P&L {one.day_pnl:+,.2f}"
    return f"session {seen.state}, {held or 'flat'}{pnl}"


def _posture(day: DeskDayJournal, view: DeskSituation) -> str:
    ends = [one.valid_until for one in day.steps.values() if one.valid_until is not None]
    if not ends:
        return "no posture"
    until = datetime.fromtimestamp(max(ends) // 10**9, UTC)
    return f"posture {'until' if until > view.now else 'EXPIRED'} {_chicago(until)}"


def _steps(day: DeskDayJournal, missed: int) -> str:
    done = [one for one in day.steps.values() if one.state is StepState.DONE]
    count = {kind: sum(one.step.kind is kind for one in done) for kind in StepKind}
    failed = sum(one.state is StepState.FAILED for one in day.steps.values())
    text = f"{count[StepKind.HUNT]} hunts, {count[StepKind.REVIEW]} reviews"
    text += f", {missed} missed" if missed else ""
    return text + (f", {failed} FAILED" if failed else "")


def _chicago(at: datetime) -> str:
    return f"{at.astimezone(CHICAGO):%a %H:%M}"
