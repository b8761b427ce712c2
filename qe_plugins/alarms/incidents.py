"""Incidents: what is wrong now, and since when.

They are kept in a file, so that a watcher that is started again repeats no alarm.
"""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from qe_plugins.halt.latch import write_atomically

type Severity = Literal["critical", "warning"]


class IncidentAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """What a person receives when an incident begins, and when it is over.

    `incident` is its id, the same for both; `kind` is what it is, such as `unprotected`, and
    `about` what it is of, such as a contract. `link` leads to the Observatory's page of it, None
    without an Observatory. Times are UTC.
    """

    incident: str
    kind: str
    about: str
    account: str
    severity: Severity
    text: str
    since: datetime
    ended: datetime | None = None
    link: str | None = None

    @property
    def title(self) -> str:
        """Return it in a few words: `CRITICAL DU1234567: unprotected MESZ6`."""
        state = "ended" if self.ended else self.severity.upper()
        return f"{state} {self.account}: {self.kind.replace('_', ' ')} {self.about}".strip()


class DayNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person receives of a day: its title, its lines, and the page as HTML text.

    `link` leads to the Observatory's page of the day, None without an Observatory.
    """

    title: str
    text: str
    page: str
    link: str | None = None
    ended: None = None


type Sendable = IncidentAlarm | DayNotice
"""What a channel sends."""


class Incidents:
    """The incidents of one account that have begun and not ended. `file` keeps them."""

    def __init__(self, account: str, file: Path, observatory: str | None = None) -> None:
        self._account, self._file = account, file
        self._observatory = observatory.rstrip("/") if observatory else None
        self._open: dict[str, IncidentAlarm] = _read(file)
        self._lock = threading.RLock()

    @property
    def open(self) -> list[IncidentAlarm]:
        """Return those that have not ended, oldest first."""
        with self._lock:
            return sorted(self._open.values(), key=lambda one: one.since)

    def begin(self, kind: str, about: str, severity: Severity, text: str) -> IncidentAlarm | None:
        """Note that something is wrong; return the alarm, None where it is known already."""
        with self._lock:
            return self._begun(kind, about, severity, text)

    def end(self, kind: str, about: str) -> IncidentAlarm | None:
        """Note that something is right again; return the alarm, None where it never was wrong."""
        with self._lock:
            alarm = self._open.pop(f"{kind} {about}", None)
            if alarm is None:
                return None
            self._keep()
        return msgspec.structs.replace(alarm, ended=datetime.now(UTC))

    def _begun(self, kind: str, about: str, severity: Severity, text: str) -> IncidentAlarm | None:
        if (key := f"{kind} {about}") in self._open:
            return None
        since = datetime.now(UTC)
        stamp = f"{since:%Y%m%d-%H%M%S}"
        incident = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{stamp}-{kind}-{about}").strip("-")
        alarm = IncidentAlarm(
            incident=incident,
            kind=kind,
            about=about,
            account=self._account,
            severity=severity,
            text=text,
            since=since,
            link=f"{self._observatory}/incidents/{incident}" if self._observatory else None,
        )
        self._open[key] = alarm
        self._keep()
        return alarm

    def _keep(self) -> None:
        with suppress(OSError):  # a full disk is an incident, too: it must not end the watcher
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, msgspec.json.encode(self._open))


def _read(file: Path) -> dict[str, IncidentAlarm]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, IncidentAlarm])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return {}
