"""What checking and shelving costs: an import against the bare loader and the bare catalog."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nautilus_trader.persistence import ParquetDataCatalog

from tests.benchmarks.importing import BARS_FILE, CONTRACTS, DEFINITIONS_FILE, EACH
from tests.fakes.databento_server import tape
from tests.fakes.databento_server.archive import Archive, Interval, Listing, encode, nanoseconds

SCRIPT = Path(__file__).with_name("importing.py")
ROUNDS = 3

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 3.5M one-minute bars of forty contracts as a vendor would, and their definitions."""
    folder = tmp_path_factory.mktemp("bought")
    listings = [
        tape.quarterly("ES", 2015 + n // 4, (3, 6, 9, 12)[n % 4], 1000 + n)
        for n in range(CONTRACTS)
    ]
    bars = np.concatenate([_bars(one) for one in listings])
    definitions = [bytes(tape.definition(one, one.until - timedelta(days=1))) for one in listings]
    archive = Archive(
        "GLBX.MDP3",
        listings,
        {
            "ohlcv-1m": bars,
            "definition": np.frombuffer(b"".join(definitions), tape.DTYPES["definition"]),
        },
    )
    for schema, name in (("ohlcv-1m", BARS_FILE), ("definition", DEFINITIONS_FILE)):
        (folder / name).write_bytes(_encoded(archive, schema))
    return folder


def _bars(listing: Listing) -> Any:
    """Return a random walk on the tick, minute by minute until the contract expires."""
    rows = np.zeros(EACH, tape.DTYPES["ohlcv-1m"])
    rows["length"], rows["rtype"], rows["publisher_id"] = 14, 33, 1
    rows["instrument_id"] = listing.id
    last = nanoseconds(listing.until)
    rows["ts_event"] = last - np.arange(EACH, 0, -1, dtype=np.uint64) * tape.MINUTE
    steps = np.random.default_rng(listing.id).integers(-4, 5, EACH)
    closes = (8_000 + np.abs(np.cumsum(steps))) * tape.TICK
    rows["close"], rows["open"] = closes, np.roll(closes, 1)
    rows["high"] = np.maximum(rows["open"], rows["close"]) + tape.TICK
    rows["low"] = np.minimum(rows["open"], rows["close"]) - tape.TICK
    rows["volume"] = np.random.default_rng(1).integers(1, 5_000, EACH)
    return rows


def _encoded(archive: Archive, schema: str) -> bytes:
    first, until = date(2013, 1, 1), date(2025, 1, 1)
    whole = [Interval("ES.FUT", one.id, one.first, one.until) for one in archive.listings]
    span = (nanoseconds(first), nanoseconds(until))
    return encode(archive, schema, "parent", ["ES.FUT"], whole, span, archive.records[schema])


def test_an_import_takes_at_most_125_of_the_bare_loader_and_catalog(
    bought: Path, measured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(measured(SCRIPT, "bare", bought))
        shutil.rmtree(bought / "bare")
        ours.append(measured(SCRIPT, "qe", bought))
        folder = tmp_path / "home" / "data" / "GLBX.MDP3" / "catalog"
        catalog = ParquetDataCatalog(str(folder))
        assert len(catalog.instruments()) == CONTRACTS
        assert len(catalog.query_bars(["ESZ24.XCME-1-MINUTE-LAST-EXTERNAL"])) == EACH
        if len(ours) < ROUNDS:
            shutil.rmtree(tmp_path / "home")
    ratio = min(run["seconds"] for run in ours) / min(run["seconds"] for run in bare)
    peak = max(run["peak"] for run in ours)
    print(
        f"\nbare {min(run['seconds'] for run in bare):.1f} s, "
        f"import {min(run['seconds'] for run in ours):.1f} s: {ratio:.2f}, "
        f"peak {peak / 2**20:,.0f} MiB for {CONTRACTS * EACH:,} rows"
    )
    assert ratio <= 1.25
    assert peak < 1.2 * 2**30
