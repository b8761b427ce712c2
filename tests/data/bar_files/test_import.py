"""A user's own bars become a catalog: exactly, or not at all with the row and column at fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qe_plugins import api
from qe_plugins.cli.data.files import import_
from qe_plugins.data.bar_files.importer import ImportedBars, import_bars
from qe_plugins.data.bar_files.mapping import BarMapping, MappedColumns, read_mapping
from qe_plugins.errors import ConfigError, DataError
from tests.command import qe
from tests.data.dbn_tape import opened

PRICES = ["open", "high", "low", "close"]
EXAMPLE = Path("configs/data/bars_csv.yaml")
CSV = """Date,Time,Open,High,Low,Close,Volume
01/02/2024,08:30,4778.25,4780.00,4777.50,4779.75,12044
01/02/2024,08:31,4779.75,4781.25,4779.50,4781.00,9120
01/02/2024,08:33,4781.00,4781.00,4778.75,4779.00,7411
"""
FIRST = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def bars_in(catalog: Path, contract: str = "ESH24.XCME") -> pl.DataFrame:
    """Return the bars of a catalog as they are stored: closing time, prices, volume."""
    (file,) = catalog.glob(f"data/bars/{contract}-*/*.parquet")
    numbers = pl.col(*PRICES, "volume").cast(pl.Float64)
    return pl.read_parquet(file).select("ts_event", numbers)


def write(folder: Path, text: str, name: str = "ESH24-1m.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def imported(folder: Path, text: str, name: str = "ESH24-1m.csv") -> ImportedBars:
    return import_bars(write(folder, text, name), read_mapping(EXAMPLE), folder / "out")


def test_the_example_of_the_mapping_is_imported_with_bars_at_their_close(tmp_path):
    found = bars_in(imported(tmp_path, CSV).catalog)
    assert found["ts_event"].to_list() == [FIRST + n * MINUTE for n in (1, 2, 4)]
    assert found.row(0)[1:] == (4778.25, 4780.0, 4777.5, 4779.75, 12044.0)


def test_the_catalog_opens_as_data_of_a_run(tmp_path):
    catalog = imported(tmp_path, CSV).catalog
    tape = opened(catalog=str(catalog))
    assert (tape.bars, [str(one.id) for one in tape.contracts]) == (3, ["ESH24.XCME"])


bars = st.lists(
    st.tuples(
        st.integers(1, 5),  # minutes since the bar before
        st.lists(st.integers(-9_000, 30_000), min_size=4, max_size=4),  # ticks
        st.integers(0, 10**9),
    ),
    min_size=1,
    max_size=30,
)


def frame_of(drawn: list[tuple[int, list[int], int]]) -> pl.DataFrame:
    """Return bars as a frame: closing time, prices on the tick, volume."""
    rows, at = [], FIRST
    for minutes, ticks, volume in drawn:
        at += minutes * MINUTE
        first, second, third, fourth = (one / 4 for one in sorted(ticks))
        rows.append((at, second, fourth, first, third, float(volume)))
    return pl.DataFrame(rows, schema=["ts_event", *PRICES, "volume"], orient="row").with_columns(
        pl.col("ts_event").dt.cast_time_unit("ns")
    )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    drawn=bars,
    form=st.sampled_from(["csv", "parquet", "polars", "pandas"]),
    stamp=st.sampled_from(["open", "close"]),
    zone=st.sampled_from(["UTC", "America/Chicago", "Asia/Kolkata"]),
)
def test_what_is_exported_is_imported_as_the_same_bars(drawn, form, stamp, zone, tmp_path_factory):
    whole, folder = frame_of(drawn), tmp_path_factory.mktemp("bars")
    shown = whole.with_columns(
        ts_event=(pl.col("ts_event") - MINUTE * (stamp == "open"))
        .dt.convert_time_zone(zone)
        .dt.replace_time_zone(None)
    ).rename({"ts_event": "time"})
    mapping = BarMapping(zone=zone, stamp=stamp, contract="ESH24")
    source: object = shown
    if form == "csv":
        source = folder / "bars.csv"
        shown.write_csv(source)
    elif form == "parquet":
        source = folder / "bars.parquet"
        shown.write_parquet(source)
    elif form == "pandas":
        source = shown.to_pandas().set_index("time")
    result = import_bars(source, mapping, folder / "out")
    assert bars_in(result.catalog).equals(whole)


@pytest.mark.parametrize(
    ("wrong", "where", "what"),
    [
        (("4781.25", "n/a"), "row 3, column 'High'", "is no number, was 'n/a'"),
        (("4781.25", "4781.26"), "row 3, column 'High'", "is off the tick of 0.25"),
        (("4781.25", "4779.00"), "row 3, column 'High'", "is below low"),
        (("4779.75,12044", "4790.00,12044"), "row 2, column 'Close'", "outside of low and high"),
        (("12044", "-1"), "row 2, column 'Volume'", "whole number of contracts"),
        (("12044", "1.5"), "row 2, column 'Volume'", "whole number of contracts"),
        (("12044", ""), "row 2, column 'Volume'", "is no number"),
        (("4781.25", "nan"), "row 3, column 'High'", "is no number"),
        (("01/02/2024,08:33", "13/02/2024,08:33"), "row 4, column 'Time'", "is no time"),
        (("08:33", "08:31"), "row 4, column 'Time'", "a second time"),
        (("08:33", "08:20"), "row 4, column 'Time'", "after a later bar"),
        ((",7411", ",7411,1"), "row 4, column 8", "has 8 fields, and the header has 7"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_written(tmp_path, wrong, where, what):
    with pytest.raises(DataError) as raised:
        imported(tmp_path, CSV.replace(*wrong))
    assert where in str(raised.value)
    assert what in str(raised.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ESH24-1m.csv"]


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    with pytest.raises(DataError, match=r"no column 'Close' \(close\).*Did you mean 'Clos'"):
        imported(tmp_path, CSV.replace("Close", "Clos"))


DAYS = "time,open,high,low,close,volume\n{},4778.25,4780.00,4777.50,4779.75,12044\n"


def daily(folder: Path, written: str, **mapping: str) -> datetime:
    """Return the close of the only bar of a table, which is of a day."""
    known = BarMapping(**{"bars": "1-DAY-LAST", "contract": "ESH24"} | mapping)
    found = import_bars(write(folder, DAYS.format(written)), known, folder / "out")
    (file,) = found.catalog.glob("data/bars/*/*.parquet")
    return pl.read_parquet(file)["ts_event"].item()


@pytest.mark.parametrize(
    ("written", "pattern", "hour"),
    [
        ("02-01-2024", "%d-%m-%Y", 6),
        ("02-01-2024 0000 +0000", "%d-%m-%Y %H%M %z", 0),
        ("02-01-2024T00:00Z", "%d-%m-%YT%H:%MZ", 0),
    ],
)
def test_the_pattern_decides_whether_a_time_names_its_offset(tmp_path, written, pattern, hour):
    given = {"zone": "America/Chicago", "stamp": "open", "time_format": pattern}
    assert daily(tmp_path, written, **given) == datetime(2024, 1, 3, hour, tzinfo=UTC)


@pytest.mark.parametrize("written", ["2024-01-02", "2024-01-02T00:00:00", "2024-01-02T00:00:00Z"])
def test_a_day_that_closes_at_the_midnight_of_its_date_is_refused(tmp_path, written):
    with pytest.raises(DataError, match=r"row 2, column 'time': has no time of day: a bar of a"):
        daily(tmp_path, written, zone="America/Chicago", stamp="close")


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("2024-01-02T16:00", "America/Chicago"),
        ("2024-01-02T22:00Z", "America/Chicago"),
        ("2024-01-03T00:00", "Europe/Athens"),
    ],
)
def test_a_day_that_closes_with_its_session_is_imported(tmp_path, written, zone):
    close = daily(tmp_path, written, zone=zone, stamp="close")
    assert close == datetime(2024, 1, 2, 22, tzinfo=UTC)


def test_an_hour_that_the_clock_repeats_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"row 2, column 'Time'.*twice or never"):
        imported(tmp_path, CSV.replace("01/02/2024,08:30", "11/03/2024,01:30"))


def test_a_file_whose_name_has_no_contract_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not begin with a contract such as ESH24"):
        imported(tmp_path, CSV, "minutes.csv")


def test_a_root_without_terms_is_refused(tmp_path):
    with pytest.raises(DataError, match="no root of"):
        imported(tmp_path, CSV, "QQH24.csv")


def test_a_folder_of_files_is_one_catalog(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder, CSV, "ESH24.csv")
    write(folder, CSV, "ESM24.csv")
    found = import_bars(folder, read_mapping(EXAMPLE), tmp_path / "out")
    assert found.contracts == {"ESH24": 3, "ESM24": 3}


def test_a_column_names_the_contract_of_each_row():
    frame = pl.DataFrame(
        {
            "time": [1_704_205_800, 1_704_205_800],
            "contract": ["ESH4", "CLH4"],
            **{key: [70.25, 70.25] for key in PRICES},
            "volume": [1, 2],
        }
    )
    mapping = BarMapping(
        zone="UTC", stamp="close", time_unit="s", columns=MappedColumns(contract="contract")
    )
    assert import_bars(frame, mapping).contracts == {"ESH24": 1, "CLH24": 1}


def test_a_notebook_imports_a_frame_with_a_mapping_in_words():
    catalog = api.import_bars(
        pl.DataFrame(
            {"at": ["2024-01-02T14:30:00Z"], **{key: [70.25] for key in PRICES}, "n": [1]}
        ),
        {
            "zone": "UTC",
            "stamp": "open",
            "contract": "CLH24",
            "columns": {"time": "at", "volume": "n"},
        },
    )
    assert bars_in(catalog, "CLH24.XNYM")["ts_event"].to_list() == [FIRST + MINUTE]


def test_a_mapping_without_a_zone_is_refused_at_its_file(tmp_path):
    file = tmp_path / "map.yaml"
    file.write_text("stamp: open\ncontract: ESH24\n")
    with pytest.raises(ConfigError, match=r"map\.yaml.*zone"):
        read_mapping(file)


def test_the_command_prints_the_catalog_and_what_it_covers(tmp_path):
    arguments = [write(tmp_path, CSV), "--mapping", EXAMPLE, "--out", tmp_path / "c"]
    done = CliRunner().invoke(import_, [str(one) for one in arguments])
    assert "ESH24: 3 bars of 1-MINUTE-LAST\nES: data for 1 of 1 sessions" in done.output


def test_the_command_ends_with_2_at_the_row_and_column(tmp_path):
    file = write(tmp_path, CSV.replace("4781.25", "n/a"))
    done = qe("data", "import", file, "--mapping", EXAMPLE, "--out", tmp_path / "c")
    assert (done.returncode, "row 3, column 'High'" in done.stderr) == (2, True)
