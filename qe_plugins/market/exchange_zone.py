"""The time zone of CME's hours, sessions and expiries, and the date of a session."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
UNTIL_MIDNIGHT = timedelta(hours=7)
"""From the evening open at 17:00 to the midnight at which the session's date begins."""


def session_date(moment: int) -> date:
    """Return the date of the session of a moment (UTC ns): from 17:00 on it is the next day."""
    local = datetime.fromtimestamp(moment // 1_000_000_000, CHICAGO).replace(tzinfo=None)
    return (local + UNTIL_MIDNIGHT).date()
