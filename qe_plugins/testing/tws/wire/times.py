"""Times as the protocol writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONES = {"UTC": "UTC", "US/Central": "America/Chicago", "US/Eastern": "America/New_York"}


def server_time(now: float, zone: str) -> str:
    """Return `20261201 09:00:00 US/Central`."""
    local = datetime.fromtimestamp(now, ZoneInfo(ZONES[zone]))
    return f"{local:%Y%m%d %H:%M:%S} {zone}"


def execution_time(now: float, zone: str) -> str:
    """Return the time of an execution: with a zone's name, or `20261201-15:00:00` in UTC."""
    if zone == "UTC":
        return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H:%M:%S}"
    return server_time(now, zone)


def bar_time(start: float, zone: str, *, seconds: bool, daily: bool) -> str:
    """Return a bar's time: seconds since 1970, a date for daily bars, or a time with a zone."""
    if daily:
        return f"{datetime.fromtimestamp(start, UTC):%Y%m%d}"
    return str(int(start)) if seconds else server_time(start, zone)


def midnight(now: float, zone: str) -> float:
    """Return when the day of `now` began in a zone, in seconds since 1970."""
    local = datetime.fromtimestamp(now, ZoneInfo(ZONES[zone]))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def parse(text: str) -> float:
    """Return a time of a request in seconds since 1970. Raises `ValueError`."""
    zone = "UTC"
    stamp = text.strip().replace("-", " ")
    for name in ZONES:
        if stamp.endswith(f" {name}"):
            zone, stamp = name, stamp.removesuffix(f" {name}")
    moment = datetime.strptime(stamp.strip(), "%Y%m%d %H:%M:%S")
    return moment.replace(tzinfo=ZoneInfo(ZONES[zone])).timestamp()
