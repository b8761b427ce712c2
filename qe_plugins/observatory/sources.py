"""What pages read: halt latch, sessions, fleet, panels, and the journal, opened if it exists.

`journal` has the facts of runs, `activity` what processes did and the items of MissionControl.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from qe_plugins.errors import JournalError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.activity.changes import DatabaseVersion, journal_version
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.store import Journal
from qe_plugins.observatory.fleet_reader import FleetReader
from qe_plugins.observatory.live.events import next_events
from qe_plugins.observatory.live.position_text import position_text
from qe_plugins.observatory.live.positions import KINDS, HeldPosition, position_of
from qe_plugins.observatory.live.strip import (
    UNKNOWN,
    PositionText,
    StripEvent,
    StripState,
    read_strip,
)
from qe_plugins.observatory.own_process import OwnProcess
from qe_plugins.observatory.plugin_panels import PanelReader
from qe_plugins.observatory.settings import ObservatorySettings

EVENTS_FOR = timedelta(seconds=20)
"""How long what comes next is remembered."""


class Sources:
    """The readers that pages share. Every method may be called from any thread."""

    def __init__(self, settings: ObservatorySettings) -> None:
        self.settings = settings
        self.fleet = FleetReader()
        self.panels = PanelReader()
        self.tables = OwnProcess()
        self._journal: Journal | None = None
        self._activity: ActivityJournal | None = None
        self._version: DatabaseVersion | None = None
        self._events: tuple[tuple[str, ...], datetime, tuple[StripEvent, ...]] = (
            (),
            datetime.min.replace(tzinfo=UTC),
            (),
        )
        self._positions: dict[tuple[str, str], tuple[str, HeldPosition]] = {}
        self._lock = threading.Lock()

    def strip(self) -> StripState:
        """Return what the state strip says now, with what comes next."""
        now = datetime.now(UTC)
        state = read_strip(HaltLatch.at_home(), now, self._position)
        return msgspec.structs.replace(state, events=self._next_events(state.watched, now))

    def _next_events(self, watched: tuple[str, ...], now: datetime) -> tuple[StripEvent, ...]:
        with self._lock:
            contracts, until, found = self._events
        if contracts != watched or now >= until:
            found = next_events(watched, now)
            with self._lock:
                self._events = (watched, now + EVENTS_FOR, found)
        return found

    def _position(self, run_id: str, contract: str, contracts: Decimal) -> PositionText:
        """Return what to say of a position, as the session's own facts have it."""
        try:
            version, journal = self.version(), self.journal()
            known = self._positions.get((run_id, contract))
            if known is None or known[0] != version:
                facts = [] if journal is None else journal.facts(run_id, KINDS)
                known = (version, position_of(facts, contract))
                self._positions = {(run_id, contract): known}
        except JournalError:
            return UNKNOWN
        return position_text(known[1], contract, contracts)

    def journal(self) -> Journal | None:
        """Return the open journal, or None where there is none yet: reading does not create it.

        Raises JournalError where it cannot be opened.
        """
        with self._lock:
            if self._journal is None and Journal.exists():
                self._journal = Journal.open()
            return self._journal

    def activity(self) -> ActivityJournal | None:
        """Return what processes did, or None where there is no journal yet.

        Raises JournalError where it cannot be opened.
        """
        with self._lock:
            if self._activity is None and Journal.exists():
                self._activity = ActivityJournal.open()
            return self._activity

    def version(self) -> str:
        """Return a text that is another one after each commit to the journal; cheap."""
        with self._lock:
            if self._version is None:
                self._version = journal_version()
            version = self._version
        return str(version.read())

    def close(self) -> None:
        """Close the journal and the ledger."""
        self.fleet.close()
        self.tables.close()
        with self._lock:
            for opened in (self._journal, self._activity, self._version):
                if opened is not None:
                    opened.close()
            self._journal = self._activity = self._version = None
