"""Read a table of bars by a mapping; what is wrong is named by its row and its column."""

from __future__ import annotations

import csv
import re
from datetime import datetime, time
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from qe_plugins.data.bar_files.mapping import BarMapping
from qe_plugins.data.catalog.bar_spec import DAY
from qe_plugins.data.catalog.bar_spec import SECOND as NANO
from qe_plugins.data.checks.prices import PRICES
from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.specs import market

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".txt", ".tsv")
PER_UNIT = {"s": NANO, "ms": 10**6, "us": 1_000, "ns": 1}
MOST_VOLUME = 2**53
CLOCK = pl.Datetime("ns", "UTC")
CONTRACT, VOLUME = "contract", "volume"
MIDNIGHT = time()
LAST_HOUR = 16  # in Chicago: sessions end at 16:00
OFFSET_PATTERN = re.compile(r"%[:#]?z|%\+|(?<!%)Z$")
"""A `time_format` whose times name their offset from UTC."""


def read_file(file: Path, mapping: BarMapping) -> pl.DataFrame:
    """Return a file's columns as they are; those of a CSV file are text.

    Raises DataError for another suffix, and for a file that cannot be read, at its row.
    """
    suffix = file.suffix.lower()
    if suffix not in (*PARQUET, *CSV):
        known = ", ".join((*CSV, *PARQUET))
        raise DataError("is no table of bars.", where=str(file), hint=f"It must end in {known}.")
    try:
        if suffix in PARQUET:
            return pl.read_parquet(file, glob=False)
        return pl.read_csv(file, infer_schema=False, separator=mapping.separator, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        if suffix in CSV and file.is_file():
            _refuse_uneven_rows(file, mapping)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"cannot be read: {reason}.", where=str(file)) from error


class BarTable:
    """Bars by column: `closes` (UTC ns), prices in 1e-9 points, `volume`, `contract` (text).

    `contract` is that of every row, None where a column has it. A row is counted from the first
    line of the file, which of a CSV file is its header. Raises DataError for a missing column, and
    at its row and column for the first value that is no time, price or volume, and for the first
    bar that is not possible.
    """

    def __init__(
        self, frame: pl.DataFrame, mapping: BarMapping, contract: str | None, where: str
    ) -> None:
        self._frame, self._mapping, self.where = frame, mapping, where
        self._first = 2 if where.lower().endswith(CSV) else 1
        if frame.is_empty():
            raise DataError("has no bars.", where=where)
        self.contract = (
            pl.Series([contract], dtype=pl.String).new_from_index(0, frame.height)
            if contract
            else self._named(CONTRACT).cast(pl.String)
        )
        self._require(self.contract.is_not_null(), CONTRACT, "is no contract")
        self.closes = self._closing_times()
        self.prices = {name: self._numbers(name, NANO) for name in PRICES}
        self.volume = self._numbers(VOLUME, 1)
        self._check_bars()

    def _refuse(self, wrong: np.ndarray, column: str, what: str) -> None:
        """Raise DataError for the first row in which `wrong` is true."""
        if wrong.any():
            self._fail(int(np.argmax(wrong)), column, what)

    def _fail(self, row: int, column: str, what: str) -> NoReturn:
        name = getattr(self._mapping.columns, column)
        value = self._frame[name][row] if name in self._frame.columns else None
        raise DataError(
            f"{what}, was {str(value)!r}." if value is not None else f"{what}.",
            where=f"{self.where}: row {row + self._first:,}, column {name or column!r}",
            hint="Nothing was imported.",
        )

    def _require(self, good: pl.Series, column: str, what: str) -> None:
        self._refuse(~good.fill_null(False).to_numpy(), column, what)

    def _named(self, column: str) -> pl.Series:
        name: str = getattr(self._mapping.columns, column)
        if name not in self._frame.columns:
            known = [one.strip() for one in self._frame.columns]
            hint = did_you_mean(name, known) or f"It has {', '.join(known[:12])}."
            raise DataError(f"has no column {name!r} ({column}).", where=self.where, hint=hint)
        found: pl.Series = self._frame[name]
        return found

    def _numbers(self, column: str, scale: int) -> np.ndarray:
        """Return a column times `scale` as whole numbers; nearest, so 4750.25 is exact."""
        given = self._named(column)
        if given.dtype == pl.String:
            given = given.str.strip_chars()
        found = given.cast(pl.Float64, strict=False)
        self._require(found.is_finite() & found.is_not_null(), column, "is no number")
        if column == VOLUME:
            whole = (found >= 0) & (found <= MOST_VOLUME) & (found == found.round(0))
            self._require(whole, column, "must be a whole number of contracts")
        elif column in PRICES:
            self._require(found.abs() < 2**63 / scale, column, "is no price")
        return np.rint(found.to_numpy() * scale).astype(np.int64)

    def _closing_times(self) -> np.ndarray:
        times = self._stamps()
        step = self._mapping.step
        if self._mapping.stamp == "close" and step >= DAY:
            self._refuse_bare_days(times)
        stamps = times.dt.convert_time_zone("UTC").to_physical().to_numpy()
        shown = "the open" if self._mapping.stamp == "open" else "the close"
        grid = min(step, 3_600 * NANO)
        self._refuse(stamps % grid != 0, "time", f"is not {shown} of a bar of {self._mapping.bars}")
        closes: np.ndarray = stamps + (step if self._mapping.stamp == "open" else 0)
        return closes

    def _refuse_bare_days(self, times: pl.Series) -> None:
        """Raise DataError for a midnight: a date without a time is known before its session ends.

        A midnight in the hour after a session's last, as in Athens, is a time.
        """
        closing = times.dt.convert_time_zone(str(CHICAGO)).dt.hour() == LAST_HOUR
        what = "has no time of day: a bar of a day closes with its session"
        self._require((times.dt.time() != MIDNIGHT) | closing, "time", what)

    def _stamps(self) -> pl.Series:
        """Return the times of the rows, each in the zone in which it is written."""
        given = self._named("time")
        if given.dtype.is_temporal() and self._mapping.columns.date is None:
            return self._in_zone(
                given.cast(pl.Datetime("ns", getattr(given.dtype, "time_zone", None)))
            )
        if (unit := self._mapping.time_unit) is not None:
            whole = given.cast(pl.Int64, strict=False)
            most = 2**63 // PER_UNIT[unit]
            self._require(whole.abs() < most, "time", f"is no time in {unit} since 1970")
            return (whole * PER_UNIT[unit]).cast(CLOCK)
        if given.dtype.is_numeric() and self._mapping.time_format is None:
            self._fail(0, "time", "is a number, and the mapping has no time_unit or time_format")
        text = given.cast(pl.String).str.strip_chars()
        if self._mapping.columns.date is not None:
            day = self._named("date").cast(pl.String).str.strip_chars()
            text = day + " " + text
        return self._in_zone(self._parsed(text))

    def _parsed(self, text: pl.Series) -> pl.Series:
        pattern = self._mapping.time_format
        if pattern is not None:
            zoned = OFFSET_PATTERN.search(pattern) is not None
        else:
            named = text.str.contains(r"\d(?:Z|[+-]\d\d:?\d\d)$")
            zoned = bool(named.any())
            if zoned:
                self._require(named, "time", "has no offset, and other rows have one")
        try:
            found = text.str.to_datetime(
                pattern, time_unit="ns", time_zone="UTC" if zoned else None, strict=False
            )
        except pl.exceptions.PolarsError:
            self._fail(0, "date" if self._mapping.columns.date else "time", "is no time")
        self._require(found.is_not_null(), "time", "is no time")
        return found

    def _in_zone(self, times: pl.Series) -> pl.Series:
        self._require(times.is_not_null(), "time", "is no time")
        if getattr(times.dtype, "time_zone", None) is not None:
            return times
        zone = self._mapping.zone
        known = times.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
        self._require(
            known.is_not_null(), "time", f"is twice or never in {zone}, which changes its clocks"
        )
        return known

    def _check_bars(self) -> None:
        prices = self.prices
        self._refuse(prices["high"] < prices["low"], "high", "is below low")
        for name in ("open", "close"):
            outside = (prices[name] < prices["low"]) | (prices[name] > prices["high"])
            self._refuse(outside, name, "is outside of low and high")
        for name in self.contract.unique(maintain_order=True):
            rows = np.flatnonzero((self.contract == name).to_numpy())
            steps = np.diff(self.closes[rows])
            if (wrong := steps <= 0).any():
                at = int(rows[int(np.argmax(wrong)) + 1])
                what = "a second time" if steps[int(np.argmax(wrong))] == 0 else "after a later bar"
                self._fail(at, "time", f"{name} has this bar {what}; sort the file by time")

    def key_of(self, name: str, rows: np.ndarray) -> ContractKey:
        """Return the contract that `rows` name. Raises DataError for a name that is none."""
        first = datetime.fromtimestamp(int(self.closes[rows][0]) // NANO, CHICAGO).date()
        key = dated_key(name.partition(".")[0], first)
        if key is None:
            self._fail(int(np.argmax(rows)), CONTRACT, f"{name!r} is no contract such as ESH24")
        market(key.root)
        return key

    def check_tick(self, rows: np.ndarray, tick: int) -> None:
        """Raise DataError for the first price of `rows` that is between two ticks (1e-9 points)."""
        for name in PRICES:
            off = rows & (self.prices[name] % tick != 0)
            self._refuse(off, name, f"is off the tick of {tick / NANO:g}")


def _refuse_uneven_rows(file: Path, mapping: BarMapping) -> None:
    """Raise DataError for the first row with more or fewer fields than the header."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.reader(opened, delimiter=mapping.separator)
            width = len(next(rows, []))
            for number, row in enumerate(rows, start=2):
                if row and len(row) != width:
                    raise DataError(
                        f"has {len(row)} fields, and the header has {width}.",
                        where=f"{file}: row {number:,}, column {min(len(row), width) + 1}",
                        hint="Nothing was imported.",
                    )
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"is no UTF-8 text: {error}.", where=str(file)) from error
