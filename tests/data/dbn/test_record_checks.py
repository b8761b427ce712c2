"""An invalid record is reported by file, number and field, and never reaches the loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard

from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.errors import DataError
from tests.data.dbn_tape import december_tape, opened

NONE, LARGE = 2**63 - 1, 2**62
BARS = "ohlcv-1m.dbn.zst"
PARTS = "databento/nautilus/historical_bars_catalog/databento"


def changed(path: Path, kind: Any, **fields: Any) -> Path:
    """Write a file again with other values in its eighth record."""
    whole = (
        zstandard.ZstdDecompressor()
        .stream_reader(path.read_bytes(), read_across_frames=True)
        .read()
    )
    start = 8 + int.from_bytes(whole[4:8], "little")
    records = np.frombuffer(whole[start:], np.dtype(kind._dtypes)).copy()
    for field, value in fields.items():
        records[field][7] = value
    path.write_bytes(zstandard.compress(whole[:start] + records.tobytes()))
    return path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("high", -(10**15)),
        ("low", LARGE),
        ("open", NONE),
        ("open", -(2**63)),
        ("close", NONE),
        ("close", -LARGE),
        ("volume", 2**64 - 1),
        ("ts_event", 2**64 - 1),
        ("ts_event", 0),
        ("rtype", 32),
        ("rtype", 255),
        ("length", 3),
        ("length", 0),
    ],
)
def test_a_bar_that_cannot_be_is_named(tmp_path: Path, field: str, value: int) -> None:
    path = changed(december_tape(tmp_path / "es") / BARS, dbn.OHLCVMsg, **{field: value})

    with pytest.raises(DataError) as caught:
        opened(dbn=str(path.parent))

    said = str(caught.value)
    assert said.startswith(f"run.yaml:dbn: {path}, record 8: field '")
    assert "\n" not in said


def test_a_bar_of_an_unknown_instrument_is_named(tmp_path: Path) -> None:
    path = changed(december_tape(tmp_path / "es") / BARS, dbn.OHLCVMsg, instrument_id=77)

    with pytest.raises(DataError, match="1 bars of ids that it does not name"):
        opened(dbn=str(path.parent))


@pytest.mark.parametrize(
    ("schema", "kind", "field", "value"),
    [
        ("trades", dbn.TradeMsg, "size", 0),
        ("trades", dbn.TradeMsg, "price", NONE),
        ("trades", dbn.TradeMsg, "ts_recv", 0),
        ("mbp-1", dbn.MBP1Msg, "bid_px_00", -LARGE),
        ("mbp-1", dbn.MBP1Msg, "ts_recv", 2**64 - 1),
    ],
)
def test_a_tick_that_cannot_be_is_named(
    shared_data: Path, tmp_path: Path, schema: str, kind: Any, field: str, value: int
) -> None:
    source = next((shared_data / PARTS).glob(f"*{schema}*"))
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    changed(path, kind, **{field: value})

    with pytest.raises(DataError, match=rf"record 8: field '{field}'"):
        check_records(path, "here")


def test_a_side_of_the_book_that_is_empty_is_no_fault(shared_data: Path, tmp_path: Path) -> None:
    for source in (shared_data / PARTS).glob("*.zst"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    changed(next(tmp_path.glob("*mbp-1*")), dbn.MBP1Msg, bid_px_00=NONE)

    tape = opened(dbn=str(tmp_path), quotes=True)
    assert sum(len(chunk.records) for chunk in tape.chunks()) == 2_347


def test_trades_of_the_same_days_in_two_files_are_refused(
    shared_data: Path, tmp_path: Path
) -> None:
    for source in (shared_data / PARTS).glob("*.zst"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
        if "trades" in source.name:
            (tmp_path / f"again-{source.name}").write_bytes(source.read_bytes())

    with pytest.raises(DataError, match="two files have records of 2024-07-0"):
        opened(dbn=str(tmp_path), trades=True)


def test_every_genuine_file_passes(shared_data: Path) -> None:
    counted = [check_records(path, "here") for path in shared_data.rglob("*.dbn.zst")]
    assert len(counted) > 15
    assert all(counted)
