"""The time zone of CME's hours, sessions and expiries."""

from __future__ import annotations

from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
