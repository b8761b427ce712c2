"""What pages read: the halt latch, sessions, and the journal, opened once and only if it exists.

`journal` has the facts of runs, `activity` what processes did and the items of MissionControl.
"""

from __future__ import annotations

import threading

from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.activity.changes import DatabaseVersion, journal_version
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.store import Journal
from qe_plugins.observatory.live.strip import StripState, read_strip
from qe_plugins.observatory.settings import ObservatorySettings


class Sources:
    """The readers that pages share. Every method may be called from any thread."""

    def __init__(self, settings: ObservatorySettings) -> None:
        self.settings = settings
        self._journal: Journal | None = None
        self._activity: ActivityJournal | None = None
        self._version: DatabaseVersion | None = None
        self._lock = threading.Lock()

    def strip(self) -> StripState:
        """Return what the state strip says now."""
        return read_strip(HaltLatch.at_home())

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
        """Close the journal."""
        with self._lock:
            for opened in (self._journal, self._activity, self._version):
                if opened is not None:
                    opened.close()
            self._journal = self._activity = self._version = None
