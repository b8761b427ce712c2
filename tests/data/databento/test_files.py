"""Files on the disk: verified, imported, listed, built into a catalog."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard
from nautilus_trader.adapters.databento import DatabentoDataLoader
from nautilus_trader.model import Bar
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.databento.manifest import open_manifest
from qe_plugins.data.dbn.decoder import PUBLISHERS
from qe_plugins.data.dbn.files import read_whole
from qe_plugins.data.dbn.records import RECORD

BARS = "ES.FUT_parent_ohlcv-1m_20131006_20131227.dbn.zst"
DEFINITIONS = "ES.FUT_parent_definition_20131006_20131227.dbn.zst"


@pytest.fixture
def bought(qe, request_file, home):
    """Buy bars and definitions of two contracts."""
    config = request_file("[ESZ3, ESH4]", "[ohlcv-1m, definition]")
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    return home


def test_what_was_just_bought_verifies(qe, bought):
    report = qe("data", "verify", "--json").json

    assert report["wrong"] == []
    assert [one["contract"] for one in report["series"]] == ["ESH14", "ESZ13"]
    assert report["files"] == 4


def test_degraded_days_are_noted(qe, request_file, gateway):
    gateway.vendor.conditions = {dt.date(2013, 10, 15): "degraded"}
    qe("data", "get", request_file("[ESZ3, ESH4]", "[ohlcv-1m, definition]"), "--max-cost", "1")

    assert "note: degraded by the vendor's word on 2013-10-15: 4 files" in qe("data", "verify").out


def test_the_real_tape_verifies_and_its_days_are_reported(qe, shared_data):
    report = qe("data", "verify", "--dbn", shared_data / "es_2013", "--json").json

    assert report["wrong"] == []
    z13 = next(o for o in report["series"] if (o["contract"], o["schema"]) == ("ESZ13", "ohlcv-1m"))
    assert z13["bars"] == 16_673
    october = [f"2013-10-{day:02}" for day in (6, 7, 8, 9, 10, 11, 14, 29, 30)]
    later = ["2013-11-18", "2013-12-02", "2013-12-03", "2013-12-18", "2013-12-20"]
    assert z13["days"] == october + later
    assert "2013-10-16" in z13["missing"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[: len(data) * 99 // 100], "cut short"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "ESH14.ohlcv-1m"),
        (lambda data: b"not DBN at all", "not a Databento file"),
    ],
)
def test_a_damaged_file_does_not_verify(qe, bought, damage, says):
    path = bought.folder / next(name for name in bought.files if "ohlcv" in name)
    path.write_bytes(damage(path.read_bytes()))

    failed = qe("data", "verify")

    assert failed.code == 2
    assert "WRONG" in failed.out
    assert says in failed.out


def test_a_file_that_is_gone_or_stray_is_said(qe, bought):
    first, second, *_ = (bought.folder / name for name in bought.files)
    second.rename(second.with_name("stray.dbn.zst"))

    report = qe("data", "verify", "--json").json

    assert [text.split(": ")[1] for text in report["wrong"]] == ["it is gone"]
    assert any("is in no manifest" in text for text in report["notes"])
    assert first.exists()


def _swap_high_and_low(bars):
    bars["high"][5], bars["low"][5] = bars["low"][5], bars["high"][5]


def _off_the_tick(bars):
    bars["low"][7] -= 1


def _closing_where_it_opened(bars):
    moved = np.flatnonzero(bars["open"] != bars["close"])[0]
    bars["close"][moved] = bars["open"][moved]


def _twice(bars):
    bars[9] = bars[8]


def _of_another_year(bars):
    bars["ts_event"][-1] += 10**9 * 86_400 * 400


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_swap_high_and_low, "record 6: field 'high' cannot be 1675.75"),
        (_off_the_tick, "1 bar with price off the tick of 0.25"),
        (_twice, "1 duplicate"),
        (_of_another_year, "1 row outside of its days"),
    ],
)
def test_each_fault_of_a_bar_is_named(qe, shared_data, tmp_path, change, says):
    real = shared_data / "es_2013" / "ES.c.0_ohlcv-1m_20131006_20131227.dbn.zst"
    path = _rewritten(real, tmp_path / "changed.dbn.zst", change)

    failed = qe("data", "verify", "--dbn", path)

    assert failed.code == 2
    assert says in failed.out


def _rewritten(real: Path, path: Path, change) -> Path:
    whole = zstandard.ZstdDecompressor().stream_reader(real.read_bytes()).read()
    start = 8 + int.from_bytes(whole[4:8], "little")
    bars = np.frombuffer(whole[start:], RECORD).copy()
    change(bars)
    path.write_bytes(zstandard.compress(whole[:start] + bars.tobytes()))
    return path


def test_an_import_is_checked_compressed_and_used(qe, shared_data, tmp_path, home):
    plain = tmp_path / "mine.dbn"
    packed = (shared_data / "es_2013" / BARS).read_bytes()
    plain.write_bytes(zstandard.ZstdDecompressor().stream_reader(packed).read())

    taken = qe("data", "import", plain)
    known = qe("data", "import", shared_data / "es_2013" / DEFINITIONS, "--json").json

    assert "No catalog" in taken.out
    assert list(home.files)[1] == "ES/imported/mine.dbn.zst"
    assert known["catalogs"][0]["bars"] == 22_246
    assert qe("data", "verify").code == 0


def test_an_import_takes_all_files_or_none(qe, shared_data, tmp_path, home):
    good, cut = (shared_data / "es_2013" / name for name in (DEFINITIONS, BARS))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.dbn.zst").write_bytes(good.read_bytes())
    (tmp_path / "mine" / "b.dbn.zst").write_bytes(cut.read_bytes()[:-2_000])

    assert qe("data", "import", tmp_path / "mine").code == 2
    assert home.files == {}


def test_an_import_twice_is_one(qe, shared_data, home):
    for _ in range(2):
        assert qe("data", "import", shared_data / "es_2013" / BARS).code == 0

    assert len(home.files) == 1


@pytest.mark.parametrize("name", ["cut.dbn", "cut.dbn.zst"])
def test_a_truncated_import_is_refused(qe, shared_data, tmp_path, home, name):
    packed = (shared_data / "es_2013" / BARS).read_bytes()
    whole = zstandard.ZstdDecompressor().stream_reader(packed).read()
    cut = whole[:-20] if name == "cut.dbn" else packed[: len(packed) * 99 // 100]
    (tmp_path / name).write_bytes(cut)

    refused = qe("data", "import", tmp_path / name)

    assert refused.code == 2
    assert "cut short" in refused.err
    assert home.files == {}
    assert not home.leftovers


def test_days_that_were_imported_before_are_refused(qe, shared_data, tmp_path, home):
    qe("data", "import", shared_data / "es_2013" / BARS)
    other = _rewritten(
        shared_data / "es_2013" / BARS, tmp_path / "other.dbn.zst", _closing_where_it_opened
    )

    refused = qe("data", "import", other)

    assert refused.code == 2
    assert f"that 'ES/imported/{BARS}' has too" in refused.err
    assert len(home.files) == 1


def test_the_catalog_holds_what_the_loader_would_have_written(qe, shared_data, home):
    loader = DatabentoDataLoader(PUBLISHERS)
    loader.load_instruments(shared_data / "es_2013" / DEFINITIONS, True)
    theirs: dict[str, list[Bar]] = {}
    for bar in loader.load_bars(shared_data / "es_2013" / BARS):
        theirs.setdefault(str(bar.bar_type.instrument_id.symbol), []).append(bar)

    for file in (DEFINITIONS, BARS):
        qe("data", "import", shared_data / "es_2013" / file)

    catalog = ParquetDataCatalog(str(home.folder / "catalog"))
    for contract in catalog.instruments():
        ours = catalog.query_bars([f"{contract.id}-1-MINUTE-LAST-EXTERNAL"])
        assert [values(bar) for bar in ours] == [
            values(bar) for bar in theirs[str(contract.raw_symbol)]
        ]
        assert len(ours) > 5


def values(bar: Bar) -> tuple[object, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ts_event, bar.ts_init


def test_the_catalog_can_be_made_again(qe, bought):
    folder = bought.folder / "catalog"
    before = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.parquet")}
    for path in folder.rglob("*.parquet"):
        path.unlink()

    assert qe("data", "catalog", "--rebuild").code == 0
    after = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.parquet")}
    assert after == before
    assert before


def test_days_in_two_files_are_taken_once(qe, request_file, home):
    for symbols in ("parent", "[ESZ3]"):
        config = request_file(symbols, "[ohlcv-1m, definition]")
        bought = qe("data", "get", config, "--max-cost", "1", "--json").json
        bars = bought["catalog"]["bars"]

    catalog = ParquetDataCatalog(str(home.folder / "catalog"))
    kinds = [f"{name}.XCME-1-MINUTE-LAST-EXTERNAL" for name in ("ESZ13", "ESH14", "ESM14")]
    stamps = [[bar.ts_event for bar in catalog.query_bars([kind])] for kind in kinds]
    assert sum(map(len, stamps)) == bars
    assert all(len(set(some)) == len(some) > 0 for some in stamps)
    notes = qe("data", "verify", "--json").json["notes"]
    assert "ESZ13 ohlcv-1m: 649 bars are in more than one file" in notes


def test_a_definition_with_a_wrong_figure_is_refused_and_the_rest_used(
    qe, request_file, gateway, monkeypatch, home
):
    archive = gateway.vendor.archive
    wrong = archive.records["definition"].copy()
    wrong["unit_of_measure_qty"][wrong["instrument_id"] == archive.listings[0].id] *= 1_000
    monkeypatch.setitem(archive.records, "definition", wrong)

    bought = qe("data", "get", request_file("parent", "[ohlcv-1m, definition]"), "--max-cost", "1")

    assert bought.code == 0
    assert "refused: ESZ13: multiplier 50,000, but 50 in configs/markets.yaml" in bought.out
    bars = {path.name.split(".")[0] for path in (home.folder / "catalog/data/bars").iterdir()}
    assert bars == {"ESH14", "ESM14"}
    assert qe("data", "verify").code == 2


def test_futures_without_a_definition_are_said(qe, request_file, home):
    qe("data", "get", request_file("[ESZ3]", "[ohlcv-1m, definition]"), "--max-cost", "1")

    bought = qe("data", "get", request_file("[ESH4]", "[ohlcv-1m]"), "--max-cost", "1")

    assert "left out, without a definition: ESH14" in bought.out


def test_files_that_contradict_each_other_make_no_catalog(qe, shared_data, tmp_path, home):
    qe("data", "import", shared_data / "es_2013" / DEFINITIONS)
    qe("data", "import", shared_data / "es_2013" / BARS)
    folder = home.folder / "catalog"
    before = sorted(folder.rglob("*.parquet"))
    changed = _rewritten(
        home.folder / "ES/imported" / BARS, tmp_path / "x.dbn.zst", _closing_where_it_opened
    )
    whole = read_whole(changed, "")
    store = open_manifest("GLBX.MDP3")
    entry = store.manifest.files[f"ES/imported/{BARS}"]
    (home.folder / "ES/contracts").mkdir()
    changed.rename(home.folder / "ES/contracts/x.dbn.zst")
    path = "ES/contracts/x.dbn.zst"
    store.add_file(msgspec.structs.replace(entry, path=path, sha256=whole.sha256, size=whole.size))

    failed = qe("data", "catalog", "--rebuild")

    assert failed.code == 2
    assert "two files have different bars" in failed.err
    assert "1 bars differ from file to file" in qe("data", "verify").out
    assert sorted(folder.rglob("*.parquet")) == before


def test_bars_without_definitions_make_no_catalog(qe, request_file, home):
    assert "No catalog to trade on" in qe("data", "get", request_file(), "--max-cost", "1").out
    assert not (home.folder / "catalog").exists()


def test_the_list_shows_what_is_here_and_what_it_cost(qe, bought, gateway):
    (dataset,) = qe("data", "list", "--json").json

    assert [one["path"] for one in dataset["files"]] == list(bought.files)
    assert dataset["spent"] == pytest.approx(sum(e.dollars for e in gateway.ledger.streams()))


def test_a_cut_file_is_refused_by_a_backtest(qe, bought):
    path = bought.folder / next(name for name in bought.files if "ohlcv" in name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 99 // 100])
    config = Path(__file__).parents[3] / "configs" / "backtest" / "es_2013.yaml"

    refused = qe("backtest", config, "--set", f"data.dbn={bought.folder / 'ES'}")

    assert refused.code == 2
    assert "cut short" in refused.err


def test_bars_come_in_whole_for_a_parent_with_spreads(qe, request_file, home):
    qe("data", "get", request_file("parent", "[ohlcv-1m, definition]"), "--max-cost", "1")

    names = {one["contract"] for one in qe("data", "verify", "--json").json["series"]}
    bars = {path.name.split("-")[0] for path in (home.folder / "catalog/data/bars").iterdir()}
    assert names == {"ESZ13", "ESH14", "ESM14", "ESZ3-ESH4"}
    assert bars == {"ESZ13.XCME", "ESH14.XCME", "ESM14.XCME"}
