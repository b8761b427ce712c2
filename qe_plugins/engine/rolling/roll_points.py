"""When the front month of a root changes during a run, and at what prices.

The roll calendar gives the session. The moment is the first minute of that session's regular hours
in which both contracts traded, so that both legs and the adjustment use one pair of prices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from qe_plugins import state_dir
from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.data.rolls.activity import open_activity
from qe_plugins.data.rolls.calendars import clip, load_if_current, rolls_of, save
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.roll_calendar import Figures, Roll, RollCalendar, Rule, roll_calendar
from qe_plugins.market.sessions import next_session, session_on, sessions, shifted

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape

REGULAR = (time(8, 30), time(15))
DAY = 86_400_000_000_000
PATIENCE = 30 * DAY  # how long after an expiry the next contract may start: data has gaps


@dataclass(frozen=True)
class RollPoint:
    """From the bar closed `at` (UTC ns) on, `after` is current instead of `before` (ids).

    `prices` are the closes of both contracts in that minute, in points; None where they never
    traded in the same minute or the data has no `after`. `reason` is the calendar's.
    """

    at: int
    before: str
    after: str
    reason: str
    prices: tuple[Decimal, Decimal] | None = None


def roll_points(
    tape: Tape, root: str, rule: str, files: Sequence[Path] = ()
) -> tuple[str, tuple[RollPoint, ...]]:
    """Return the first front month of a root on a tape, and the roll points after it.

    `files` are the Databento files or folders that the tape was decoded from, if any: then the roll
    calendar is that of `qe data rolls`, which also uses daily bars and open interest. Raises
    DataError where the tape has no bars of the root, or where bars do not suffice for the rule.
    """
    bars = bars_of(tape, root)
    if not bars:
        raise DataError(f"the data has no bars of {root}.", hint="Name a root that is on it.")
    calendar = _calendar(tape, root, Rule(rule), bars, files)
    expiries = {str(contract.id): contract.expiration_ns for contract in tape.contracts}
    points = (_roll_point(roll, root, bars, expiries) for roll in calendar.rolls)
    return calendar.first, tuple(point for point in points if point is not None)


def bars_of(tape: Tape, root: str) -> dict[str, pl.LazyFrame]:
    """Return the bars of a root's contracts by id: ts (close, UTC ns), close (points), volume."""
    found = {}
    for contract in tape.contracts:
        for bar_type in tape.bar_types:
            if contract.underlying == root and bar_type.startswith(f"{contract.id}-"):
                files = tape.catalog / "data" / "bars" / bar_type / "*.parquet"
                found[str(contract.id)] = (
                    scanned(files, "volume")
                    .select("close", "volume", ts=pl.col("ts_event").cast(pl.Int64))
                    .filter(pl.col("ts").is_between(tape.start, tape.end))
                )
    return found


def _calendar(
    tape: Tape, root: str, rule: Rule, bars: Mapping[str, pl.LazyFrame], files: Sequence[Path]
) -> RollCalendar:
    first, last = (_trading_day(root, ts) for ts in (tape.start, tape.end))
    if files and rule is not Rule.CALENDAR:
        return clip(_stored_calendar(root, rule, files, first, last), first, last)
    known = sessions(root, first, shifted(root, last, 1))
    days = [session.date for session in known]
    if rule is Rule.CALENDAR:
        return roll_calendar(root, rule, days, {})
    if rule is Rule.OPEN_INTEREST:
        raise DataError(
            "bars have no open interest.",
            where=f"roll: {rule}",
            hint="Roll by volume or calendar, or run on the Databento files that have `statistics`"
            ", or on a catalog that `qe data get` or `qe data import` built from them.",
        )
    closes = np.array([_nanoseconds(session.close) for session in known])
    return roll_calendar(root, rule, days, _volumes(bars, closes, days))


def _stored_calendar(
    root: str, rule: Rule, files: Sequence[Path], first: date, last: date
) -> RollCalendar:
    """Return the calendar that `qe data rolls` stores with the data, rebuilt if short or outdated.

    A calendar uses for each session only data of the days before, so a longer one agrees.
    """
    downloaded = all(
        file.resolve().is_relative_to(state_dir.data_dir().resolve()) for file in files
    )
    stored = load_if_current(root, rule, files) if downloaded else None
    if stored is not None and stored.start <= first and stored.end >= last:
        return stored
    calendar = rolls_of(open_activity(files, root), rule)
    if downloaded:
        save(calendar, files)
    return calendar


def _volumes(bars: Mapping[str, pl.LazyFrame], closes: Any, days: Sequence[date]) -> Figures:
    figures: Figures = {}
    for contract, frame in bars.items():
        table = frame.select("ts", "volume").sort("ts").collect()
        running = np.concatenate([[0.0], np.cumsum(table["volume"].to_numpy())])
        ended = running[np.searchsorted(table["ts"].to_numpy(), closes, side="right")]
        for day, volume in zip(days, np.diff(ended, prepend=0.0).tolist(), strict=True):
            key = dated_key(contract.partition(".")[0], day) if volume else None
            if key is not None:
                figures.setdefault(day, {})[key] = round(volume)
    return figures


def _roll_point(
    roll: Roll, root: str, bars: Mapping[str, pl.LazyFrame], expiries: Mapping[str, int]
) -> RollPoint | None:
    """Return the roll point of a calendar's roll, None where the tape ends before it.

    Without a shared minute in regular hours it is any shared minute of the last day; without that,
    the next contract's first bar after the expiry. The earliest of these is known when it happens.
    """
    session = session_on(root, roll.date)
    assert session is not None
    start = _nanoseconds(session.open)
    expiry = expiries.get(roll.before, start)
    before, after = (
        _closes_between(bars.get(one), start, max(expiry, start) + PATIENCE)
        for one in (roll.before, roll.after)
    )
    both = before.join(after, on="ts", suffix="_after").sort("ts")
    last_day, expired = pl.col("ts") > expiry - DAY, pl.col("ts") > expiry
    found = [both.filter(_is_regular()), both.filter(last_day), after.filter(expired)]
    if roll.after not in bars:
        found.append(before.filter(_is_regular()))
    firsts = [frame.sort("ts").row(0, named=True) for frame in found if frame.height]
    first = min(firsts, key=lambda row: row["ts"], default=None)
    if first is None:
        return None
    pair = (first["close"], first["close_after"]) if "close_after" in first else None
    prices = (Decimal(pair[0]).normalize(), Decimal(pair[1]).normalize()) if pair else None
    return RollPoint(first["ts"], roll.before, roll.after, roll.reason, prices)


def _closes_between(frame: pl.LazyFrame | None, start: int, end: int) -> pl.DataFrame:
    if frame is None:
        return pl.DataFrame(schema={"ts": pl.Int64, "close": pl.Decimal(38, 16)})
    return frame.select("ts", "close").filter(pl.col("ts").is_between(start, end)).collect()


def _is_regular() -> pl.Expr:
    local = pl.from_epoch("ts", "ns").dt.replace_time_zone("UTC").dt.convert_time_zone(CHICAGO.key)
    return local.dt.time().is_between(*REGULAR, closed="right")


def _trading_day(root: str, ts: int) -> date:
    return next_session(root, ts - 1).date


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
