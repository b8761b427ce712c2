"""Truncated copies of data hold nothing later than a moment in any file."""

from __future__ import annotations

from pathlib import Path

import databento_dbn
import numpy as np
import polars as pl
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data import truncated_tape, truncation
from qe_plugins.data.dbn.files import check_whole
from qe_plugins.data.tape import Tape
from tests.data.dbn_tape import december_tape, keys, opened

MINUTE = 60_000_000_000


def cut(tape: Tape, until: int, place: Path) -> truncated_tape.CutTape:
    """Return the tape of a copy of the catalog up to a moment."""
    expiries = {str(one.id): one.expiration_ns for one in tape.contracts}
    truncation.cut_folder(tape.catalog, until, place, expiries)
    return truncated_tape.open_cut(truncated_tape.Outline.of(tape), place, until)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.001, 1.0))
def test_a_cut_tape_is_the_whole_one_up_to_a_moment(tmp_path_factory, share: float) -> None:
    tmp_path: Path = tmp_path_factory.mktemp("cut")
    whole = opened(dbn=str(december_tape(tmp_path / "tape")))
    until = whole.start + round((whole.end - whole.start) * share)
    part = cut(whole, until, tmp_path / "cut")
    known = [one for one in keys(whole) if one[0] <= until]
    assert keys(part)[: len(known)] == known
    assert len(keys(part)) - len(known) == (part.end < until)  # what moves the clocks
    assert [one.id for one in part.contracts] == [one.id for one in whole.contracts]
    assert part.bar_types == whole.bar_types


def test_no_file_of_a_catalog_that_was_cut_has_anything_later(tmp_path: Path) -> None:
    whole = opened(synthetic=SyntheticSettings(sessions=3))
    until = (whole.start + whole.end) // 2
    cut(whole, until, tmp_path / "cut")
    bars = pl.read_parquet(tmp_path / "cut/data/bars/*/*.parquet")
    assert bars["ts_init"].cast(pl.Int64).max() <= until


def test_of_a_definition_that_comes_later_the_first_stays(tmp_path: Path) -> None:
    whole = opened(synthetic=SyntheticSettings(sessions=1))
    cut(whole, whole.start, tmp_path / "cut")
    listed = list((tmp_path / "cut/data/futures_contract").rglob("*.parquet"))
    assert len(listed) >= len(whole.contracts)


def test_a_databento_file_that_was_cut_is_whole_and_ends_in_time(tmp_path: Path) -> None:
    folder = december_tape(tmp_path / "tape")
    file, copy = folder / "ohlcv-1m.dbn.zst", tmp_path / "copy.dbn.zst"
    closes = rows(file)["ts_event"].astype(np.int64) + MINUTE
    until = int(np.sort(closes)[closes.size // 3])
    truncation.cut_dbn(file, until, copy)
    assert check_whole(copy, "copy") == (closes <= until).sum()
    assert (rows(copy)["ts_event"].astype(np.int64) + MINUTE <= until).all()


def test_every_instrument_keeps_a_definition_in_a_file_that_was_cut(tmp_path: Path) -> None:
    folder = december_tape(tmp_path / "tape")
    file, copy = folder / "definition.dbn.zst", tmp_path / "copy.dbn.zst"
    truncation.cut_dbn(file, 0, copy)
    assert ids(copy) == ids(file)


def test_what_is_no_market_data_is_copied(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/notes.json").write_text("{}")
    truncation.cut_folder(tmp_path / "data", 0, tmp_path / "cut", {})
    assert (tmp_path / "cut/notes.json").read_text() == "{}"


def rows(file: Path, kind: type = databento_dbn.OHLCVMsg) -> np.ndarray:
    """Return the records of a file."""
    data = zstandard.ZstdDecompressor().stream_reader(file.open("rb")).read()
    length = 8 + int.from_bytes(data[4:8], "little")
    return np.frombuffer(data[length:], np.dtype(kind._dtypes))


def ids(file: Path) -> set[int]:
    """Return the instruments that a file defines."""
    return set(rows(file, databento_dbn.InstrumentDefMsg)["instrument_id"].tolist())
