"""Compute a root's roll calendar from data, and store it beside the data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
from msgspec.structs import replace

from qe_plugins import state_dir
from qe_plugins.data.rolls.activity import Activity
from qe_plugins.errors import DataError
from qe_plugins.market.roll_calendar import RollCalendar, Rule, roll_calendar
from qe_plugins.market.sessions import sessions, shifted
from qe_plugins.market.specs import market

DATA = (".dbn.zst", "manifest.json")
FIRST, LAST = date(2010, 6, 7), date(2034, 12, 29)  # of calendars that need no data


def rolls_of(activity: Activity, rule: Rule) -> RollCalendar:
    """Return the calendar of all sessions in the data and the one after the last, with prices.

    By rule `calendar` it covers all years, with prices where the data has them. Raises DataError
    where the files lack the figures that the rule needs.
    """
    if rule is Rule.CALENDAR:
        return with_prices(rolls_by_date(activity.root), activity)
    first, last = activity.days[0], activity.days[-1]
    days = [one.date for one in sessions(activity.root, first, shifted(activity.root, last, 1))]
    figures = activity.volumes() if rule is Rule.VOLUME else activity.open_interest()
    return with_prices(roll_calendar(activity.root, rule, days, figures), activity)


def rolls_by_date(root: str) -> RollCalendar:
    """Return the calendar by rule `calendar`, which needs no data, of all years, without prices."""
    start = max(FIRST, market(root).listed or FIRST)
    days = [one.date for one in sessions(root, start, LAST)]
    return roll_calendar(root, Rule.CALENDAR, days, {})


def with_prices(calendar: RollCalendar, activity: Activity) -> RollCalendar:
    """Return a calendar with the prices of each roll, taken from the session that decided it."""
    rolls = tuple(
        replace(roll, prices=activity.prices(roll.known, roll.before, roll.after))
        for roll in calendar.rolls
    )
    return replace(calendar, rolls=rolls)


def clip(calendar: RollCalendar, start: date | None, end: date | None) -> RollCalendar:
    """Return the part of a calendar between two days, clipped to its own range.

    Raises DataError where the ranges do not overlap.
    """
    first = max(start or calendar.start, calendar.start)
    last = min(end or calendar.end, calendar.end)
    if first > last:
        raise DataError(
            f"the data has nothing from {start or first} to {end or last}.",
            where=calendar.root,
            hint=f"It has {calendar.start} to {calendar.end}.",
        )
    return calendar.between(first, last)


def save(calendar: RollCalendar, files: Sequence[Path]) -> Path:
    """Write a calendar beside the data and return its path.

    For files under the data folder, or without files, that is `rolls/` in it; for a user's own
    files, the cache.
    """
    path = _calendar_path(calendar.root, calendar.rule, files)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(calendar)))
    os.replace(part, path)
    return path


def load(root: str, rule: Rule, files: Sequence[Path] = ()) -> RollCalendar:
    """Return the calendar that `save` wrote for these files; without files, of the data folder.

    Raises DataError where there is none.
    """
    path = _calendar_path(root, rule, files)
    try:
        return msgspec.json.decode(path.read_bytes(), type=RollCalendar)
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(
            f"no roll calendar: {error}.",
            where=str(path),
            hint=f"Create it with 'qe data rolls {root} --rule {rule}'.",
        ) from error


def load_if_current(root: str, rule: Rule, places: Sequence[Path]) -> RollCalendar | None:
    """Return the calendar in the data folder; None where a file in `places` is newer."""
    path = _calendar_path(root, rule, ())
    with suppress(OSError, DataError):
        saved_at = path.stat().st_mtime
        data_files = [
            file for one in places for file in ([one] if one.is_file() else one.rglob("*"))
        ]
        if all(file.stat().st_mtime <= saved_at for file in data_files if file.name.endswith(DATA)):
            return load(root, rule)
    return None


def _calendar_path(root: str, rule: Rule, files: Sequence[Path]) -> Path:
    data = state_dir.data_dir().resolve()
    name = f"{root}-{rule}.json"
    if all(file.resolve().is_relative_to(data) for file in files):
        return data / "rolls" / name
    sizes = "\n".join(f"{file.resolve()} {file.stat().st_size}" for file in sorted(files))
    return state_dir.cache_dir() / "rolls" / hashlib.sha256(sizes.encode()).hexdigest()[:16] / name
