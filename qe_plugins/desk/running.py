"""A desk from its file to its end: which days it runs, beside which session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from qe_plugins import wall_clock
from qe_plugins.config.loader import load
from qe_plugins.desk.actions import DeskActions
from qe_plugins.desk.day_journal import DeskDayJournal, run_id_of
from qe_plugins.desk.day_plan import NIGHTLY, plan_of
from qe_plugins.desk.eyes import DeskSenses
from qe_plugins.desk.hunting import HuntMarket
from qe_plugins.desk.loop import DeskLoop
from qe_plugins.desk.market_clock import POLL, MarketClock, ReplayClock, WallMarketClock
from qe_plugins.desk.role_sessions import RoleSessions
from qe_plugins.desk.session_process import SessionProcess
from qe_plugins.fleet.desk_settings import DeskSettings
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.journal.store import Journal
from qe_plugins.market import sessions

STILL_OF_THE_DAY = timedelta(minutes=35)
"""For so long after its close a session day still has steps to come."""

LOOKS = 2.0
"""Heartbeats after which a session has surely seen what was written before."""


class RunningDesk:
    """One desk while it runs. `say` gets its status line, `note` a line about each step."""

    def __init__(
        self,
        loaded: LoadedFleet,
        stop: StopRequest,
        *,
        say: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        settings = loaded.fleet.desk
        if settings is None:
            raise loaded.error(
                "there is no 'desk:' section.", hint="configs/fleet/team.yaml has one."
            )
        self._settings: DeskSettings = settings
        self._loaded, self._stop, self._say, self._note = loaded, stop, say, note
        self.name = loaded.fleet.name
        self.session = self._session()
        self._day: date | None = None

    def _session(self) -> SessionProcess | None:
        one = self._settings.session
        if one is None:
            return None
        return SessionProcess(one, load(one.config).config.name, self.name)

    def run(self) -> None:
        """Run days until stopped, or until a replayed session has ended.

        Raises FleetError where the session fails again and again, or the recording is of another
        fleet; JournalError where another desk of the name runs.
        """
        with Journal.open() as journal:
            left = DeskDayJournal.unfinished(journal, self.name)
            steps = None if left is None else DeskDayJournal.open(journal, self.name, left)
            if self.session is not None and steps is not None and self._replayed:
                closed = {one.run_id for one in journal.runs()}
                self.session.began = steps.session in closed
            clock = self._clock(steps)
            actions = self._actions(journal, clock)
            actions.recording.check()
            desk = DeskLoop(
                self.name,
                clock=clock,
                eyes=DeskSenses(self._loaded.fleet, journal, self.session),
                actions=actions.by_kind,
                longest_answer=timedelta(seconds=self._loaded.fleet.answer_ttl),
                stop=self._stop,
                say=self._say,
                note=self._note,
                tend=self._tend,
            )
            while not self._stop.requested:
                self._tend()
                now = clock.now()
                if steps is None and now is None:
                    self._stop.wait(POLL)
                    continue
                day = left or self._day_at(now or wall_clock.now(), journal)
                if day is None:
                    return
                session = sessions.session_on(self._settings.root, day)
                assert session is not None  # it is one of the calendar's
                self._day = day
                steps = steps or DeskDayJournal.open(journal, self.name, day)
                if desk.run_day(
                    steps, plan_of(self._settings, self._loaded.fleet.schedule.every, session)
                ):
                    steps.close()
                steps = left = None

    def _day_at(self, now: datetime, journal: Journal) -> date | None:
        """Return the session day of a moment or, where that is done, the next one.

        None after the end of a replayed session. The day that has just closed still has its
        nightly steps to come.
        """
        done = {one.run_id for one in journal.runs()}
        found = sessions.next_session(self._settings.root, now - STILL_OF_THE_DAY)
        while run_id_of(self.name, found.date) in done:
            if self._replayed and self.session is not None and self.session.is_over:
                return None
            found = sessions.next_session(self._settings.root, found.close + NIGHTLY)
        return found.date

    def _actions(self, journal: Journal, clock: MarketClock) -> DeskActions:
        one = self._settings.session
        speed = one.speed if one is not None and self._replayed else 1.0
        market = HuntMarket(self._loaded, journal, replayed=self._replayed)
        roles = RoleSessions(
            self._loaded,
            market,
            journal,
            clock=clock.now,
            margin=timedelta(seconds=LOOKS * POLL * speed),
            speed=max(speed, 1.0),
        )
        return DeskActions(
            self._loaded,
            market,
            roles,
            session=lambda: None if self.session is None else self.session.seen,
            day=self._present_day,
            stop=self._stop,
            send=self._settings.send,
        )

    @property
    def _replayed(self) -> bool:
        return self._settings.session is not None and self._settings.session.replay is not None

    def _present_day(self) -> date:
        assert self._day is not None  # a step is of a day
        return self._day

    def _clock(self, left: DeskDayJournal | None) -> MarketClock:
        if self.session is None or not self._replayed:
            return WallMarketClock()
        return ReplayClock(
            self.session, self._end_of_day, left.reached if left is not None else None
        )

    def _end_of_day(self, at: datetime) -> datetime:
        """Return when the session day of a moment is over, its nightly steps included."""
        day = sessions.next_session(self._settings.root, at - STILL_OF_THE_DAY)
        return day.close + NIGHTLY

    def _tend(self) -> None:
        if self.session is not None and not self._stop.requested and self.session.tend():
            self._note(f"session started, its output is in {self.session.log}")
