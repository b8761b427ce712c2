"""Databento files: complete or refused, decoded once, under unique names."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import databento
import numpy as np
import pytest

from qe_plugins import state_dir
from qe_plugins.data.dbn.files import slices
from qe_plugins.errors import DataError
from tests.data.dbn_tape import FIRST, UNTIL, december_tape, file, keys, opened, written
from tests.fakes.databento_server.archive import Listing
from tests.fakes.databento_server.tape import december, make_archive, quarterly, weekdays

BARS = "ohlcv-1m.dbn.zst"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return december_tape(tmp_path / "es")


def refusal(**settings: object) -> str:
    with pytest.raises(DataError) as caught:
        opened(**settings)
    return str(caught.value)


def decoded() -> list[Path]:
    return sorted(path for path in (state_dir.cache_dir() / "dbn").glob("*") if path.is_dir())


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("name", [BARS, "definition.dbn.zst"])
def test_a_file_cut_short_is_refused_and_leaves_nothing(
    folder: Path, name: str, part: float
) -> None:
    cut = folder / name
    cut.write_bytes(cut.read_bytes()[: int(cut.stat().st_size * part)])
    says = f"{cut} is cut short: its last records are missing. Download the file again."
    assert refusal(dbn=str(folder)) == f"run.yaml:dbn: {says}"
    assert decoded() == []


@pytest.mark.parametrize("part", [0.5, 0.99])
def test_a_real_file_cut_short_is_refused(shared_data: Path, tmp_path: Path, part: float) -> None:
    for source in (shared_data / "es_2013").glob("ES.FUT_parent_*"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    cut = next(tmp_path.glob("*ohlcv-1m*"))
    cut.write_bytes(cut.read_bytes()[: int(cut.stat().st_size * part)])
    assert f"{cut} is cut short" in refusal(dbn=str(tmp_path))


def test_half_a_record_is_cut_short_too(folder: Path) -> None:
    archive = make_archive(december(), weekdays(FIRST, UNTIL))
    rows = archive.records["ohlcv-1m"]
    archive.records["ohlcv-1m"] = np.frombuffer(rows.tobytes()[:-28], np.uint8)
    (folder / BARS).write_bytes(file(archive, "ohlcv-1m"))
    assert "is cut short" in refusal(dbn=str(folder))


def test_a_file_may_be_of_several_zstd_frames(shared_data: Path) -> None:
    parts = shared_data / "databento/nautilus/historical_bars_catalog/databento"
    tape = opened(dbn=str(parts), quotes=True, trades=True)
    names = [type(one).__name__ for chunk in tape.chunks() for one in chunk.records]
    assert {name: names.count(name) for name in set(names)} == {
        "Bar": 60,
        "QuoteTick": 2_288,
        "TradeTick": 120,
    }


def test_what_is_no_databento_file_is_refused(folder: Path) -> None:
    (folder / BARS).write_bytes(b"time,open,high,low,close\n" * 100)
    assert "ohlcv-1m.dbn.zst is not a Databento file. Give files as" in refusal(dbn=str(folder))


def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert refusal(dbn=str(gone)) == (
        f"run.yaml:dbn: there is no file or folder {gone}. Check the path."
    )
    gone.mkdir()
    assert f"run.yaml:dbn: {gone} has no .dbn.zst files." in refusal(dbn=str(gone))


def test_bars_without_definitions_are_refused(tmp_path: Path) -> None:
    folder = december_tape(tmp_path / "es", definition=True)
    assert "run.yaml:dbn: the files have no definitions" in refusal(dbn=str(folder))


def test_a_contract_without_a_definition_is_refused(folder: Path) -> None:
    archive = make_archive(december()[:1], weekdays(FIRST, UNTIL))
    (folder / "definition.dbn.zst").write_bytes(file(archive, "definition"))
    assert "has ESH4, of which there is no definition." in refusal(dbn=str(folder))


def test_definitions_without_bars_are_refused(tmp_path: Path) -> None:
    folder = december_tape(tmp_path / "es", ohlcv=True)
    assert "run.yaml:bars: the data has no bars." in refusal(dbn=str(folder))


def test_a_continuous_series_is_refused(folder: Path) -> None:
    archive = make_archive(december(), weekdays(FIRST, UNTIL))
    spliced = folder / "spliced.dbn.zst"
    spliced.write_bytes(file(archive, "ohlcv-1m", "continuous", "ES.v.0"))
    named = [str(folder), str(spliced)]
    assert f"{spliced} is a continuous series: contracts spliced" in refusal(dbn=named)


def test_a_folder_with_nothing_but_a_continuous_series_is_refused(tmp_path: Path) -> None:
    folder = december_tape(tmp_path / "es", ohlcv=True)
    archive = make_archive(december(), weekdays(FIRST, UNTIL))
    (folder / BARS).write_bytes(file(archive, "ohlcv-1m", "continuous", "ES.v.0"))
    assert "is a continuous series: contracts spliced" in refusal(dbn=str(folder))


def test_days_in_two_files_are_refused(folder: Path) -> None:
    (folder / "again.dbn.zst").write_bytes((folder / BARS).read_bytes())
    assert "has two bars at 2013-12-09T00:01:00Z: its days are in more than one file." in refusal(
        dbn=str(folder)
    )


def test_days_may_lie_in_several_files_in_any_order(folder: Path, tmp_path: Path) -> None:
    days = weekdays(FIRST, UNTIL)
    apart = december_tape(tmp_path / "apart", ohlcv=True)
    for name, part in {"odd": days[::2], "even": days[1::2]}.items():
        (apart / f"{name}.dbn.zst").write_bytes(file(make_archive(december(), part), "ohlcv-1m"))
    assert keys(opened(dbn=str(apart))) == keys(opened(dbn=str(folder)))


@pytest.mark.parametrize("records", [1, 100, 10**6])
def test_a_long_file_is_decoded_slice_by_slice(folder: Path, tmp_path: Path, records: int) -> None:
    days = weekdays(FIRST, FIRST + dt.timedelta(days=1))
    (folder / BARS).write_bytes(file(make_archive(december(), days), "ohlcv-1m"))
    sliced = tmp_path / "slices"
    sliced.mkdir()
    head, *rest = (
        databento.DBNStore.from_file(part).to_ndarray()
        for part in slices(folder / BARS, sliced, records)
    )
    whole = databento.DBNStore.from_file(folder / BARS).to_ndarray()
    assert np.concatenate([head, *rest]).tobytes() == whole.tobytes()
    assert len(head) == min(records, len(whole))
    assert not list(sliced.iterdir())


def test_spreads_are_left_out(folder: Path) -> None:
    assert not [name for _, name, _ in keys(opened(dbn=str(folder))) if "-ES" in name]


def test_a_name_that_comes_back_after_ten_years_is_two_contracts(tmp_path: Path) -> None:
    listings = [quarterly("ES", 2013, 12, 1), quarterly("ES", 2023, 12, 2)]
    days = [
        *weekdays(dt.date(2013, 12, 16), UNTIL),
        *weekdays(dt.date(2023, 12, 4), dt.date(2023, 12, 8)),
    ]
    tape = opened(dbn=str(written(tmp_path / "es", listings, days)))
    assert [str(one.id) for one in tape.contracts] == ["ESZ13.XCME", "ESZ23.XCME"]
    assert {str(one.id): one.expiration_utc.year for one in tape.contracts} == {
        "ESZ13.XCME": 2013,
        "ESZ23.XCME": 2023,
    }
    years = {(name[:5], np.datetime64(at, "ns").astype(str)[:4]) for at, name, _ in keys(tape)}
    assert years == {("ESZ13", "2013"), ("ESZ23", "2023")}


def test_bars_of_a_later_decade_need_their_own_definition(tmp_path: Path) -> None:
    old, new = quarterly("ES", 2013, 12, 1), quarterly("ES", 2023, 12, 2)
    later = weekdays(dt.date(2023, 12, 4), dt.date(2023, 12, 8))
    folder = written(tmp_path / "es", [old], weekdays(dt.date(2013, 12, 16), UNTIL))
    (folder / "later.dbn.zst").write_bytes(file(make_archive([new], later), "ohlcv-1m"))
    assert "has ESZ3 at 2023-12-04T00:00:00Z, when every ESZ3 that is defined had expired." in (
        refusal(dbn=str(folder))
    )


def test_a_contract_that_expires_before_its_delivery_month_keeps_its_year(tmp_path: Path) -> None:
    january = Listing(1, "HOF4", "HO", True, dt.date(2012, 1, 3), dt.date(2013, 12, 20))
    tape = opened(dbn=str(written(tmp_path / "ho", [january], weekdays(FIRST, UNTIL))))
    assert [str(one.id) for one in tape.contracts] == ["HOF14.XCME"]


def test_files_are_decoded_once_and_again_when_one_changes(folder: Path) -> None:
    first = opened(dbn=str(folder))
    made = first.catalog.stat().st_mtime_ns
    assert opened(dbn=str(folder)).catalog.stat().st_mtime_ns == made
    archive = make_archive(december(), weekdays(FIRST, UNTIL - dt.timedelta(days=4)))
    (folder / BARS).write_bytes(file(archive, "ohlcv-1m"))
    changed = opened(dbn=str(folder))
    assert changed.catalog != first.catalog
    assert changed.records < first.records


@pytest.mark.parametrize("damage", ["gone", "cut", "garbled"])
def test_a_damaged_cache_is_built_again(folder: Path, damage: str) -> None:
    whole = opened(dbn=str(folder))
    part = next(whole.catalog.glob("data/bars/ESZ13*/*.parquet"))
    size = part.stat().st_size
    part.unlink() if damage == "gone" else part.write_bytes(b"\0" * (size - (damage == "cut")))
    assert keys(opened(dbn=str(folder))) == keys(whole)


def test_a_killed_build_leaves_nothing_that_stays(folder: Path) -> None:
    place = opened(dbn=str(folder)).catalog
    (place / "built.json").unlink()
    (place.parent / f"{place.name}.killed").mkdir()
    opened(dbn=str(folder))
    assert decoded() == [place]


def test_two_processes_may_decode_at_once(folder: Path) -> None:
    code = (
        "from qe_plugins.config.schema import DataSettings\n"
        "from qe_plugins.data.tape import open_tape\n"
        f"print(open_tape(DataSettings(dbn={str(folder)!r}), str).records)\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert len({one.communicate()[0] for one in both}) == 1
    assert [one.returncode for one in both] == [0, 0]
    assert len(decoded()) == 1
