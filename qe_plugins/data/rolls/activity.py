"""Volume, open interest and closes of a root's contracts, by session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from qe_plugins.data.dbn.open_interest import read_interest
from qe_plugins.data.dbn.root_bars import bar_files, read_bars
from qe_plugins.data.dbn.symbol_map import DAY_NS
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.roll_calendar import Figures, PricePair
from qe_plugins.market.sessions import session_on, sessions
from qe_plugins.market.specs import market

DAILY = "ohlcv-1d"
INTRADAY = ("ohlcv-1s", "ohlcv-1m", "ohlcv-1h")  # the finest first
LATE = timedelta(hours=1)
SECOND = 1_000_000_000


class Activity(msgspec.Struct, frozen=True):
    """A root's bars, each with the date of its session, and the files they came from.

    `daily` are the vendor's bars of UTC days, `intraday` shorter ones: of several lengths the one
    that covers most sessions, else the shortest. One of the two may be None. Frames have the
    columns of `read_bars` and `session`.
    """

    root: str
    daily: pl.DataFrame | None
    intraday: pl.DataFrame | None
    files: tuple[Path, ...]

    @property
    def bars(self) -> pl.DataFrame:
        """Return the bars that cover most sessions; intraday bars if equal."""
        frames = [frame for frame in (self.intraday, self.daily) if frame is not None]
        return max(frames, key=_session_count)

    @property
    def days(self) -> list[date]:
        """Return the sessions in which anything traded, oldest first."""
        return self.bars["session"].unique().sort().to_list()

    def volumes(self) -> Figures:
        """Return contracts traded, by session and contract."""
        traded = self.bars.group_by("session", "contract").agg(pl.col("volume").sum())
        return _figures_by_session(traded, "volume")

    def open_interest(self) -> Figures:
        """Return the open interest last published by each session's close.

        Raises DataError where the files hold none.
        """
        published = _with_session(read_interest(self.files, self.root), self.root)
        return _figures_by_session(published.sort("ts"), "open_interest")

    def prices(self, day: date, before: str, after: str) -> PricePair | None:
        """Return the prices of two contracts (ids) at one time of a session, in points.

        Taken from the last bar in which both traded if it is in the last hour; else their daily
        closes, else any earlier bar; None where one did not trade at all.
        """
        session = session_on(self.root, day)
        bar = _last_common(self.intraday, day, before, after)
        if bar and session and bar[0] >= _to_nanoseconds(session.close - LATE):
            return _price_pair(f"{_utc_time(bar[0]):%Y-%m-%dT%H:%M:%SZ}", bar)
        if closes := _last_common(self.daily, day, before, after):
            return _price_pair(f"{day} daily close", closes)
        return _price_pair(f"{_utc_time(bar[0]):%Y-%m-%dT%H:%M:%SZ}", bar) if bar else None


def open_activity(places: Sequence[Path], root: str) -> Activity:
    """Return the activity of a root in Databento files, given as folders or files.

    Raises DataError where they have no bars of it.
    """
    market(root)
    found = bar_files(places, root)
    read = {s: read_bars(found[s], root) for s in (*INTRADAY, DAILY) if s in found}
    read = {schema: bars for schema, bars in read.items() if bars.height}
    if not read:
        raise DataError(
            f"no bars of {root}'s contracts.",
            where=", ".join(map(str, places)),
            hint="Buy them with 'qe data get', or name a folder with --dbn.",
        )
    return Activity(
        root=root,
        daily=_with_date(read[DAILY], root) if DAILY in read else None,
        intraday=max(
            (_with_session(read[s], root) for s in INTRADAY if s in read),
            key=_session_count,
            default=None,
        ),
        files=tuple(file for listed in found.values() for file in listed),
    )


def _session_count(frame: pl.DataFrame) -> int:
    return frame["session"].n_unique()


def _with_session(frame: pl.DataFrame, root: str) -> pl.DataFrame:
    """Add the session of each `ts`; a time between sessions counts to the next one."""
    known = sessions(root, _first_day(frame), _last_day(frame) + timedelta(days=10))
    closes = np.array([_to_nanoseconds(one.close) for one in known])
    dates = pl.Series([one.date for one in known], dtype=pl.Date)
    held = np.searchsorted(closes, frame["ts"].to_numpy(), side="right")
    return frame.with_columns(session=dates.gather(held))


def _with_date(frame: pl.DataFrame, root: str) -> pl.DataFrame:
    """Add the date of each UTC day as its session; Sunday's and holidays' stubs are left out."""
    known = [one.date for one in sessions(root, _first_day(frame), _last_day(frame))]
    dated = frame.with_columns(session=pl.from_epoch(pl.col("ts") // DAY_NS, "d"))
    return dated.filter(pl.col("session").is_in(known))


def _first_day(frame: pl.DataFrame) -> date:
    return _utc_time(frame["ts"][0]).date()


def _last_day(frame: pl.DataFrame) -> date:
    return _utc_time(frame["ts"][-1]).date()


def _figures_by_session(frame: pl.DataFrame, column: str) -> Figures:
    found: Figures = {}
    for day, name, figure in frame.select("session", "contract", column).iter_rows():
        if key := dated_key(name, day):
            found.setdefault(day, {})[key] = figure
    return found


def _last_common(
    frame: pl.DataFrame | None, day: date, before: str, after: str
) -> tuple[int, int, int] | None:
    """Return the time and both closes of the last bar of a session that two contracts share."""
    if frame is None:
        return None
    of_day = frame.filter(pl.col("session") == day).select("contract", "ts", "close")
    names = [contract.partition(".")[0] for contract in (before, after)]
    old, new = (of_day.filter(pl.col("contract") == name) for name in names)
    both = old.join(new, on="ts", suffix="_after").sort("ts")
    return both.select("ts", "close", "close_after").row(-1) if both.height else None


def _price_pair(at: str, found: tuple[int, int, int]) -> PricePair:
    before, after = (Decimal(fixed).scaleb(-9).normalize() for fixed in found[1:])
    return PricePair(at=at, before=before, after=after)


def _utc_time(ts: int) -> datetime:
    return datetime.fromtimestamp(ts // SECOND, UTC)


def _to_nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
