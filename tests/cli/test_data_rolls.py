"""`qe data rolls` and `qe data continuous`, as a trader types them, at a roll of 2013."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from qe_plugins import state_dir
from qe_plugins.cli import cli
from qe_plugins.data.rolls.activity import open_activity
from qe_plugins.data.rolls.calendars import load
from qe_plugins.errors import QeError
from qe_plugins.market.roll_calendar import Rule
from tests.market import tape


@pytest.fixture
def december(shared_data):
    return str(shared_data / "es_2013")


def qe(*words):
    result = CliRunner().invoke(cli, ["data", *words])
    if isinstance(result.exception, QeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_es_rolls_once_by_volume_and_never_back(december):
    shown = json.loads(qe("rolls", "ES", "--dbn", december, "--json"))
    [roll] = shown["rolls"]
    assert (roll["before"], roll["after"]) == ("ESZ13.XCME", "ESH14.XCME")
    assert (roll["known"], roll["date"]) == ("2013-12-13", "2013-12-16")
    assert roll["reason"] == "volume on 2013-12-13: ESH14 868,208 > ESZ13 347,764"
    assert roll["prices"] == {"at": "2013-12-13 daily close", "before": 1775, "after": 1768.75}


def test_sessions_without_bars_are_counted(december, tmp_path):
    assert json.loads(qe("rolls", "ES", "--dbn", december, "--json"))["sessions_without_bars"] == 0
    names = {1: "ESZ3"}
    days = (datetime(2013, 12, day, 15, tzinfo=UTC) for day in (9, 13))
    bars = [tape.bar(1, at, 1775, 10) for at in days]
    tape.write(tmp_path / "es.dbn.zst", "ohlcv-1m", bars, names)
    said = qe("rolls", "ES", "--dbn", str(tmp_path))
    assert "3 sessions have no bars: only a deadline can end a contract there" in said


def test_the_calendar_is_stored_beside_the_data(december, shared_data):
    shown = json.loads(qe("rolls", "ES", "--dbn", december, "--json"))
    files = open_activity([shared_data / "es_2013"], "ES").files
    calendar = load("ES", Rule.VOLUME, files)
    assert calendar.rolls[0].after == "ESH14.XCME"
    assert shown["file"].startswith(str(state_dir.cache_dir()))


def test_the_table_names_reason_and_prices(december):
    said = qe("rolls", "ES", "--dbn", december)
    assert "ESZ13.XCME  ESH14.XCME" in said
    assert "-6.25" in said
    assert "347,764" in said


def test_days_outside_the_data_are_refused_and_nothing_is_kept(december):
    with pytest.raises(QeError, match=r"ES: the data has nothing from 2015-01-01 to 2024-12-31"):
        qe("rolls", "ES", "--start", "2015-01-01", "--end", "2024-12-31", "--dbn", december)
    assert not list(state_dir.cache_dir().rglob("ES-volume.json"))


def test_by_dates_no_data_is_needed():
    words = ("rolls", "ES", "--start", "2015-01-01", "--end", "2024-12-31", "--rule", "calendar")
    shown = json.loads(qe(*words, "--json"))
    assert len(shown["rolls"]) == 40
    assert shown["first"] == "ESH15.XCME"
    assert load("ES", Rule.CALENDAR).front(date(2015, 3, 20)) == "ESM15.XCME"


def test_without_data_rolls_by_volume_say_how_to_get_some():
    with pytest.raises(QeError, match="qe data get"):
        qe("rolls", "ES")


@pytest.mark.parametrize(("adjust", "last_of_z13"), [("ratio", 1768.75), ("difference", 1768.75)])
def test_an_adjusted_series_has_no_jump_at_the_roll(december, adjust, last_of_z13):
    shown = json.loads(qe("continuous", "ES", "--adjust", adjust, "--dbn", december, "--json"))
    closes = {bar["session"]: bar["close"] for bar in shown["bars"]}
    assert closes["2013-12-13"] == pytest.approx(last_of_z13)
    assert closes["2013-12-16"] == 1779
    assert "for signals and plots only" in shown["label"]


def test_without_adjustment_the_prices_are_as_traded(december):
    shown = json.loads(qe("continuous", "ES", "--adjust", "none", "--dbn", december, "--json"))
    assert {bar["session"]: bar["close"] for bar in shown["bars"]}["2013-12-13"] == 1775


def test_the_adjustment_is_not_visible_as_of_an_earlier_day(december):
    words = ("continuous", "ES", "--as-of", "2013-12-15", "--dbn", december, "--json")
    shown = json.loads(qe(*words))
    assert (shown["as_of"], shown["anchor"]) == ("2013-12-13", "ESZ13.XCME")
    assert shown["bars"][-1]["close"] == 1775


def test_a_series_rolled_by_dates_changes_on_the_last_trading_day(december):
    words = ("continuous", "ES", "--rule", "calendar", "--adjust", "difference")
    shown = json.loads(qe(*words, "--dbn", december, "--json"))
    assert [(one["contract"], one["start"], one["difference"]) for one in shown["segments"]] == [
        ("ESZ13.XCME", "2013-10-07", -6.25),
        ("ESH14.XCME", "2013-12-20", 0),
    ]


def test_the_finest_bars_go_to_a_labelled_file(december, tmp_path):
    file = tmp_path / "es.parquet"
    qe("continuous", "ES", "--bars", "intraday", "--dbn", december, "--out", str(file))
    assert b"for signals and plots only" in pq.read_schema(file).metadata[b"label"]
    frame = pl.read_parquet(file)
    assert frame.height == 17_658
    assert frame["ts"].is_sorted()
    assert [path.name for path in tmp_path.glob("es*")] == ["es.parquet"]


def test_the_table_begins_with_the_label(december):
    said = qe("continuous", "ES", "--dbn", december)
    assert said.startswith("ES continuous, for signals and plots only: rolled by volume")
    assert "0.99647887" in said


def test_a_file_that_cannot_be_written_is_one_clear_error(december, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(QeError, match=r"x\.parquet: cannot be written: .* Choose another --out"):
        qe("continuous", "ES", "--dbn", december, "--out", str(tmp_path / "taken" / "x.parquet"))


def test_a_continuous_file_has_no_contracts_to_roll(december):
    [spliced] = Path(december).glob("ES.v.0*")
    with pytest.raises(QeError, match=r"ES\.v\.0.* is a continuous series"):
        qe("rolls", "ES", "--dbn", str(spliced))
