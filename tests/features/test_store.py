"""The store: whole files only, used again by content, the same from one process and from two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from qe_plugins.features import store, store_folder
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.names import Wanted
from qe_plugins.features.series import compute
from qe_plugins.features.store import compute_store
from tests.features.tapes import replaced, walk

CONTRACT = ListedContract("ESZ3.XCME", "ES", 1_387_549_800_000_000_000)
BARS = {"ESZ3.XCME": walk(30_000, seed=1)}
NAMES = ["1m.velocity.30", "1m.hurst.60", "1h.temperature.10", "1d.velocity.5",
         "across.session_clock"]  # fmt: skip


def computed(out: Path, bars=BARS, names=NAMES, workers: int = 1) -> list[str]:
    said: list[str] = []
    compute_store(out, names, bars, [CONTRACT], workers, said.append)
    return said


def test_rows_are_those_of_a_whole_computation(tmp_path: Path):
    computed(tmp_path)
    files = sorted((tmp_path / "ES" / "1m").glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(file) for file in files])
    whole = compute(BARS["ESZ3.XCME"], ["velocity.30", "hurst.60"]).astype(np.float32)

    assert [file.name for file in files] == ["2013-10.parquet", "2013-11.parquet"]
    assert frame["ts"].to_list() == BARS["ESZ3.XCME"].ts_event.tolist()
    assert np.array_equal(frame["velocity.30"].to_numpy(), whole[:, 0], equal_nan=True)
    assert np.array_equal(frame["hurst.60"].to_numpy(), whole[:, 1], equal_nan=True)


def test_sessions_are_those_of_a_run_where_a_contract_ends_within_one(tmp_path: Path):
    far = ListedContract("ESH4.XCME", "ES", 1_395_408_600_000_000_000)
    near = BARS["ESZ3.XCME"][:20_300]  # it ends within its session, and no other bar closes that
    later = walk(30_000, seed=2)
    bars = {"ESZ3.XCME": near, "ESH4.XCME": replaced(later, volume=np.ones(30_000))}
    compute_store(tmp_path, ["1d.velocity.5"], bars, [CONTRACT, far])
    files = sorted((tmp_path / "ES" / "1d").glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(file) for file in files])

    feed = FeatureFeed(Wanted(["1d.velocity.5"]), [CONTRACT, far], "1m")
    feed.compute(bars)
    known = np.searchsorted(later.ts_event, frame["ts"].to_numpy(), "right")  # the bar after it
    seen = feed.column("ESH4.XCME", "1d.velocity.5")[known[known < len(later)]]

    stored = frame["velocity.5"].to_numpy()[: len(seen)]
    assert np.isfinite(stored[-5:]).all()
    assert np.array_equal(stored, seen.astype(np.float32), equal_nan=True)


def test_months_across_timeframes_go_on_from_each_other(tmp_path: Path):
    far = ListedContract("ESH4.XCME", "ES", 1_395_408_600_000_000_000)
    bars = {"ESZ3.XCME": BARS["ESZ3.XCME"], "ESH4.XCME": walk(30_000, seed=2)}
    names = ["across.carry", "across.overnight_gap", "across.entropy_gradient"]
    compute_store(tmp_path, names, bars, [CONTRACT, far])
    files = sorted((tmp_path / "ES" / "across").glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(file) for file in files])
    feed = FeatureFeed(Wanted(names), [CONTRACT, far], "1m")
    feed.compute(bars)

    for contract in bars:
        rows = frame.filter(contract=contract)
        for name in names:
            whole = feed.column(contract, name).astype(np.float32)
            stored = rows[name.removeprefix("across.")].to_numpy()
            assert np.array_equal(stored, whole, equal_nan=True)
    assert (~np.isnan(frame["entropy_gradient"].to_numpy())).sum() > 20_000


def test_files_are_used_again(tmp_path: Path):
    first, second = computed(tmp_path), computed(tmp_path)

    assert first == ["8 files computed, 0 used again"]
    assert second == ["0 files computed, 8 used again"]


@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_computation_that_was_killed_continues(tmp_path: Path, monkeypatch, at: int):
    writes: list[object] = []
    whole = store_folder.os.replace

    def killed(source: Path, target: Path) -> None:
        if Path(target).suffix == ".parquet":
            writes.append(target)
            if len(writes) > at:
                raise KeyboardInterrupt
        whole(source, target)

    monkeypatch.setattr(store_folder.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        computed(tmp_path)
    monkeypatch.setattr(store_folder.os, "replace", whole)
    for file in tmp_path.rglob("*.parquet"):
        pl.read_parquet(file)

    assert computed(tmp_path) == [f"{8 - at} files computed, {at} used again"]


def test_other_bars_are_computed_again_and_that_is_said(tmp_path: Path):
    computed(tmp_path)
    bars = BARS["ESZ3.XCME"]
    other = {"ESZ3.XCME": replaced(bars, volume=bars.volume + 1)}

    assert computed(tmp_path, other)[0] == (
        "the store was made with another data: it is computed again"
    )


def test_another_catalogue_is_computed_again_and_that_is_said(tmp_path: Path, monkeypatch):
    computed(tmp_path)
    monkeypatch.setattr(store, "catalogue_hash", lambda: "other")

    assert computed(tmp_path)[0] == (
        "the store was made with another catalogue: it is computed again"
    )


def test_other_formulas_are_computed_again_and_that_is_said(tmp_path: Path, monkeypatch):
    computed(tmp_path)
    monkeypatch.setattr(store, "formulas_hash", lambda: "other")

    assert computed(tmp_path)[0] == ("the store was made with other formulas: it is computed again")


@pytest.mark.long
def test_two_processes_write_the_same_files(tmp_path: Path):
    computed(tmp_path / "one")
    computed(tmp_path / "two", workers=2)

    for file in (tmp_path / "one").rglob("*.parquet"):
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes()
