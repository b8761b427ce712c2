"""A desk in a process of its own, to be killed: a day in seconds, with hunts that are paid for.

    python -m tests.desk.desk_process FLEET

Its session is a heartbeat without a process behind it, its clock moves at every look.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from qe_plugins.desk.actions import DeskActions
from qe_plugins.desk.day_journal import DeskDayJournal
from qe_plugins.desk.eyes import DeskSenses
from qe_plugins.desk.hunting import HuntMarket
from qe_plugins.desk.loop import DeskLoop
from qe_plugins.desk.records import StepKind, StepResult
from qe_plugins.desk.role_sessions import RoleSessions
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.halt.status import SeenSession, SessionStatus, this_process
from qe_plugins.journal.store import Journal
from tests.desk.days import DAY, Market, at_once, plan, utc

NAME = "fleet"
RUN = "20240103-000000-000000-day-paper"


class Heartbeat:
    """What a desk sees of a session that lives."""

    def __init__(self, clock: Market) -> None:
        self._clock = clock

    def look(self) -> SeenSession:
        pid, host = this_process()
        at: datetime = self._clock.at
        status = SessionStatus(
            run_id=RUN,
            name="day",
            mode="paper",
            pid=pid,
            host=host,
            started=at,
            engine_time=at,
            wall_time=at,
        )
        return SeenSession(state="running", age=0.0, status=status)


def main(file: str) -> None:
    """Run the day to its end, from where an earlier process was killed."""
    loaded = load(file)
    with Journal.open() as journal:
        day = DeskDayJournal.open(journal, NAME, DAY)
        clock = Market(day.reached or utc("02 22:00"), step=timedelta(minutes=20))
        session = Heartbeat(clock)
        market = HuntMarket(loaded, journal, replayed=True)
        roles = RoleSessions(
            loaded, market, journal, clock=lambda: clock.at, margin=timedelta(seconds=2)
        )
        actions = DeskActions(
            loaded,
            market,
            roles,
            session=session.look,
            day=lambda: DAY,
            stop=StopRequest(),
        )
        done = dict.fromkeys(
            (StepKind.PARITY, StepKind.REPORT), lambda step, situation: StepResult(text="done")
        )
        loop = DeskLoop(
            NAME,
            clock=clock,
            eyes=DeskSenses(loaded.fleet, journal, session),  # type: ignore[arg-type]
            actions=actions.by_kind | done,
            longest_answer=timedelta(days=1),
            stop=at_once(StopRequest()),
        )
        assert loop.run_day(day, plan())
        day.close()


if __name__ == "__main__":
    main(sys.argv[1])
