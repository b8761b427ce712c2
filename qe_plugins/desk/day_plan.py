"""When the steps of a session day are due: pure functions of settings and the exchange's hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from qe_plugins.desk.records import DayPlan
from qe_plugins.fleet.desk_settings import DeskSettings
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import Session

NIGHTLY = timedelta(minutes=5)
"""After the close: the last bar has been written by then, and the maintenance break lasts."""

AHEAD = timedelta(minutes=15)
"""Before the open: a posture is in force when the first order may leave."""


def plan_of(settings: DeskSettings, every: float, session: Session) -> DayPlan:
    """Return the plan of a session day with a hunt every so many seconds from its open.

    A hunt is due only while the session trades, its halts left out.
    """
    return DayPlan(
        day=session.date,
        open=session.open,
        close=session.close,
        guarded_from=session.open - AHEAD,
        every=timedelta(seconds=every),
        hunts=tuple(_hunts(settings, every, session)),
        reports=tuple(_reports(settings, session)),
        nightly=session.close + NIGHTLY,
    )


def _hunts(settings: DeskSettings, every: float, session: Session) -> Iterator[datetime]:
    last = session.close - timedelta(seconds=settings.no_hunt_before_close)
    step, number = timedelta(seconds=every), 1
    while (at := session.open + step * number) < last:
        if session.trades_at(at):
            yield at
        number += 1


def _reports(settings: DeskSettings, session: Session) -> Iterator[datetime]:
    for text in sorted(settings.report_at):
        chicago = time.fromisoformat(text)
        for day in (session.date - timedelta(days=1), session.date):
            at = datetime.combine(day, chicago, CHICAGO).astimezone(session.open.tzinfo)
            if session.open <= at < session.close:
                yield at
