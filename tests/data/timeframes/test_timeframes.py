"""Longer bars are what a resample of the minutes says, and none is known before its close."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.bar_files.importer import import_bars
from qe_plugins.data.bar_files.mapping import BarMapping, MappedColumns
from qe_plugins.data.catalog.bar_spec import length_of, read_as
from qe_plugins.data.timeframes.aggregation import (
    MinuteBars,
    aggregated,
    closing_times,
    session_edges,
)
from qe_plugins.errors import DataError
from qe_plugins.market.sessions import sessions
from tests.command import figures
from tests.data.dbn_tape import opened

MINUTE = 60 * 10**9
FIRST, LAST = date(2023, 11, 20), date(2023, 11, 28)  # Thanksgiving: two early closes
NUMBERS = ("open", "high", "low", "close", "volume")
ES = ("ESH24", "ESM24")
WEEK = SyntheticSettings(sessions=5)


def trading_minutes() -> np.ndarray:
    """Return the closes of all trading minutes of ES from FIRST to LAST, UTC ns."""
    parts = [
        np.arange(one.open.timestamp() + 60, one.close.timestamp() + 1, 60)
        for one in sessions("ES", FIRST, LAST)
    ]
    return (np.concatenate(parts) * 1e9).astype(np.int64)


STAMPS = trading_minutes()
EDGES = session_edges("ES", int(STAMPS[0]), int(STAMPS[-1]))


def minutes(kept: np.ndarray, seed: int) -> MinuteBars:
    """Return random bars at the kept minutes."""
    rng = np.random.default_rng(seed)
    prices = np.sort(rng.integers(-400, 20_000, (4, kept.size)) * 250_000_000, axis=0)
    low, first, last, high = prices
    flipped = rng.random(kept.size) < 0.5
    opened, closed = np.where(flipped, last, first), np.where(flipped, first, last)
    return MinuteBars(kept, opened, high, low, closed, rng.integers(0, 900, kept.size))


def frame(bars: MinuteBars) -> pl.DataFrame:
    columns = {name: getattr(bars, name) for name in NUMBERS}
    stamps = pl.Series(bars.closes_at).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame({"ts": stamps, **columns})


OHLC = (
    pl.col("open").first(),
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("close").last(),
    pl.col("volume").sum(),
)


def session_closes() -> pl.DataFrame:
    closes = [one.close for one in sessions("ES", FIRST, LAST)]
    return pl.DataFrame(
        {"end": pl.Series(closes).dt.cast_time_unit("ns").dt.convert_time_zone("UTC")}
    )


def resampled(bars: MinuteBars, every: str) -> pl.DataFrame:
    """Return what Polars makes of the bars, each ended at its session's close at the latest."""
    grouped = (
        frame(bars)
        .sort("ts")
        .group_by_dynamic("ts", every=every, closed="right", label="right")
        .agg(pl.col("ts").last().alias("inside"), *OHLC)
    )
    return (
        grouped.join_asof(session_closes(), left_on="inside", right_on="end", strategy="forward")
        .with_columns(ts=pl.min_horizontal("ts", "end"))
        .select("ts", *NUMBERS)
    )


kept = st.lists(st.booleans(), min_size=20, max_size=60).map(
    lambda some: STAMPS[np.resize(np.repeat(some, 7), STAMPS.size)]
)


@settings(max_examples=40, deadline=None)
@given(kept=kept.filter(len), seed=st.integers(0, 99), spec=st.sampled_from([5, 15, 30, 60]))
def test_bars_equal_a_resample_of_the_minutes_with_any_gaps(kept, seed, spec):
    bars = minutes(kept, seed)
    made = aggregated(bars, spec * MINUTE, EDGES)
    assert frame(made).equals(resampled(bars, f"{spec}m"))


@settings(max_examples=20, deadline=None)
@given(kept=kept.filter(len), seed=st.integers(0, 99))
def test_a_day_is_a_session_and_closes_with_it(kept, seed):
    bars = minutes(kept, seed)
    whole = frame(bars).join_asof(
        session_closes(), left_on="ts", right_on="end", strategy="forward"
    )
    expected = whole.group_by("end", maintain_order=True).agg(*OHLC).rename({"end": "ts"})
    assert frame(aggregated(bars, length_of("1-DAY-LAST"), EDGES)).equals(expected)


@pytest.mark.parametrize("minutes_long", [2, 5, 7, 45, 60, 120, 240, 1_380, 1_440])
def test_no_bar_is_known_before_its_last_minute_or_after_its_session(minutes_long):
    closes = closing_times(STAMPS, minutes_long * MINUTE, EDGES)
    ends = EDGES.closes[np.searchsorted(EDGES.closes, STAMPS)]
    assert (closes >= STAMPS).all()
    assert (closes <= ends).all()
    assert (closes - STAMPS < minutes_long * MINUTE).all()


def test_the_day_after_thanksgiving_closes_early():
    closes = np.unique(closing_times(STAMPS, length_of("1-DAY-LAST"), EDGES))
    friday = datetime.fromtimestamp(int(closes[4]) / 1e9, UTC)
    assert friday == datetime(2023, 11, 24, 18, 15, tzinfo=UTC)


def test_a_root_without_a_calendar_counts_from_midnight_in_utc():
    at = np.array([datetime(2024, 1, 3, 13, 1, tzinfo=UTC).timestamp() * 1e9], np.int64)
    known = session_edges("XX", int(at[0]), int(at[0]))
    day = datetime.fromtimestamp(int(closing_times(at, 1_440 * MINUTE, known)[0]) / 1e9, UTC)
    assert day == datetime(2024, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "known", "read"),
    [
        ("5-MINUTE-LAST", {"1-MINUTE-LAST"}, "1-MINUTE-LAST"),
        ("1-DAY-LAST", {"1-MINUTE-LAST", "1-DAY-LAST"}, "1-DAY-LAST"),
        ("30-SECOND-LAST", {"1-MINUTE-LAST"}, "30-SECOND-LAST"),
        ("2-DAY-LAST", {"1-MINUTE-LAST"}, "2-DAY-LAST"),
        ("1-HOUR-LAST", {"1-SECOND-LAST"}, "1-HOUR-LAST"),
    ],
)
def test_minutes_make_only_what_the_data_does_not_have(spec, known, read):
    assert read_as(spec, known) == read


def test_a_tape_of_hours_has_the_minutes_volume_and_says_where_it_is_from():
    of_minutes, of_hours = opened(synthetic=WEEK), opened(synthetic=WEEK, bars="1-HOUR-LAST")
    volumes = [
        sum(float(bar.volume) for chunk in tape.chunks() for bar in chunk.records)
        for tape in (of_minutes, of_hours)
    ]
    assert volumes[0] == volumes[1]
    assert of_hours.label.endswith("1-HOUR-LAST of its minutes")
    assert {one.rpartition("-")[0].partition("-")[2] for one in of_hours.bar_types} == {
        "1-HOUR-LAST"
    }


def test_days_of_one_contract_do_not_hide_the_minutes_of_another(tmp_path):
    whole, days = tmp_path / "whole", tmp_path / "days"
    names = MappedColumns(contract="contract")
    at = datetime(2024, 1, 2, 16, tzinfo=UTC)
    prices = dict.fromkeys(("open", "high", "low", "close"), 4_750.0)
    rows = pl.DataFrame([{"time": at, "contract": name} | prices | {"volume": 1} for name in ES])
    mapping = BarMapping(zone="UTC", stamp="close", columns=names)
    import_bars(rows, mapping, whole)
    import_bars(rows[:1], msgspec.structs.replace(mapping, bars="1-DAY-LAST"), days)
    shutil.copytree(days / "data" / "bars", whole / "data" / "bars", dirs_exist_ok=True)
    found = opened(catalog=str(whole), bars="1-DAY-LAST")
    assert [one.partition(".")[0] for one in sorted(found.bar_types)] == list(ES)


def test_quotes_with_bars_that_must_be_made_are_refused():
    with pytest.raises(DataError, match="with quotes or trades none are made"):
        opened(synthetic=WEEK, bars="5-MINUTE-LAST", quotes=True)


def test_a_backtest_runs_on_half_hours():
    found = figures(
        "configs/backtest/stress.yaml",
        *("--set", "data.bars=30-MINUTE-LAST", "--set", "data.synthetic.sessions=12"),
    )
    assert found["bars"] // 46 in range(12, 25)  # of one contract or two in a session
    assert found["data_label"].endswith("30-MINUTE-LAST of its minutes")
