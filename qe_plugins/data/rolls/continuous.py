"""Build a root's continuous series from data and its roll calendar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow.parquet as pq

from qe_plugins.data.rolls.activity import Activity, open_activity
from qe_plugins.data.rolls.calendars import clip, rolls_of
from qe_plugins.errors import DataError
from qe_plugins.market.continuous import LABEL, Adjust, Segment, continuous, segments
from qe_plugins.market.roll_calendar import Rule


class ContinuousSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A continuous series as known on session `as_of`. `bars` are as `continuous` returns them."""

    root: str
    rule: Rule
    adjust: Adjust
    as_of: date
    segments: tuple[Segment, ...]
    bars: pl.DataFrame

    @property
    def anchor(self) -> str:
        """Return the contract whose prices are as traded."""
        return self.segments[-1].contract

    @property
    def label(self) -> str:
        """Return the description for users: rule, adjustment, date and anchor."""
        how = "not adjusted" if self.adjust is Adjust.NONE else f"adjusted by {self.adjust}"
        by = self.rule.replace("_", " ")
        return (
            f"{self.root} continuous, {LABEL}: rolled by {by}, {how}, "
            f"as of {self.as_of}, anchored at {self.anchor}"
        )

    def document(self, *, with_bars: bool) -> dict[str, Any]:
        """Return the series as the JSON document of `qe data continuous --json`."""
        metadata = {
            "label": self.label,
            "root": self.root,
            "rule": self.rule,
            "adjust": self.adjust,
            "as_of": self.as_of,
            "anchor": self.anchor,
            "segments": self.segments,
            "count": self.bars.height,
        }
        return metadata | ({"bars": self.bars.to_dicts()} if with_bars else {})


def read_series(
    places: Sequence[Path],
    root: str,
    rule: Rule,
    adjust: Adjust,
    as_of: date | None = None,
    intraday: bool = False,
) -> ContinuousSeries:
    """Return a root's series as known on the session `as_of`, by default the last one.

    It holds nothing later. Raises DataError where there is no data by then, or a roll lacks prices
    to adjust by.
    """
    activity = open_activity(places, root)
    known = [day for day in activity.days if as_of is None or day <= as_of]
    if not known:
        raise DataError(
            f"the data has nothing by {as_of}.",
            where=root,
            hint=f"It begins on {activity.days[0]}.",
        )
    clipped = clip(rolls_of(activity, rule), activity.days[0], known[-1])
    parts = segments(clipped, known[-1], adjust)
    bars = _intraday_bars(activity) if intraday else _session_bars(activity)
    return ContinuousSeries(
        root=root,
        rule=rule,
        adjust=adjust,
        as_of=known[-1],
        segments=parts,
        bars=continuous(bars, parts),
    )


def write_series(series: ContinuousSeries, file: Path) -> None:
    """Write the bars as Parquet, with the label in the file's metadata.

    Raises DataError where the file cannot be written.
    """
    table = series.bars.to_arrow()
    metadata = {"label": series.label, "as_of": str(series.as_of), "adjust": str(series.adjust)}
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.replace_schema_metadata(metadata), part)
        os.replace(part, file)
    except OSError as error:
        if part.exists():
            part.unlink()
        raise DataError(
            f"cannot be written: {error.strerror}.", where=str(file), hint="Choose another --out."
        ) from error


def _intraday_bars(activity: Activity) -> pl.DataFrame:
    if activity.intraday is None:
        raise DataError(
            "no bars shorter than a day.", where=activity.root, hint="Leave out --bars intraday."
        )
    return activity.intraday


def _session_bars(activity: Activity) -> pl.DataFrame:
    """Return one bar per session and contract."""
    return (
        activity.bars.sort("ts")
        .group_by("session", "contract", maintain_order=True)
        .agg(
            pl.col("ts", "open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
    )
