"""The roll of December 2013 on real data, held against the vendor's rows alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import databento_dbn
import numpy as np
import pytest
import zstandard

from qe_plugins.config.loader import load
from qe_plugins.engine.running.describe import describe

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/backtest/es_roll_2013.yaml"
POINT, TICK, FEE = 50.0, 0.25, 2.15
MINUTE = 60_000_000_000


@pytest.fixture
def backtest(tmp_path: Path, shared_data: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the configuration on the real data, with `--set` overrides."""

    def run(*overrides: str) -> dict[str, Any]:
        given = [f"data.dbn={shared_data / 'es_2013'}", *overrides]
        flags = [word for one in given for word in ("--set", one)]
        done = subprocess.run(
            [sys.executable, "-m", "qe_plugins.cli", "backtest", str(CONFIG), *flags, "--json"],
            cwd=ROOT,
            env=os.environ | {"QE_HOME": str(tmp_path / "home")},
            check=True,
            capture_output=True,
            text=True,
        )
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures

    return run


def closes(folder: Path) -> dict[str, dict[int, float]]:
    """Return closes by contract and by the bar's close (UTC ns), from the DBN rows alone."""
    kind = np.dtype(databento_dbn.OHLCVMsg._dtypes)
    found: dict[str, dict[int, float]] = {"ESZ3": {}, "ESH4": {}}
    for file in sorted(folder.rglob("*ohlcv-1m*.dbn.zst")):
        with file.open("rb") as raw:
            data = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
        length = 8 + int.from_bytes(data[4:8], "little")
        header = databento_dbn.Metadata.decode(data[:length])
        ids = {
            int(interval["symbol"]): name
            for name, intervals in header.mappings.items()
            for interval in intervals
        }
        for row in np.frombuffer(data[length:], kind):
            name = ids.get(int(row["instrument_id"]))
            if name in found:
                found[name][int(row["ts_event"]) + MINUTE] = int(row["close"]) / 1e9
    return found


def test_a_hold_earns_both_contracts_moves_minus_what_the_roll_cost(
    backtest: Callable[..., dict[str, Any]], shared_data: Path
) -> None:
    figures = backtest()
    rows = closes(shared_data / "es_2013")
    [roll] = figures["rolls"]
    old, new = rows["ESZ3"], rows["ESH4"]
    first, last = min(old), max(new)
    at = int(np.datetime64(roll["at"].removesuffix("+00:00"), "ns").astype(np.int64))
    moves = (old[at] - old[first] + new[last] - new[at]) * POINT
    costs = 3 * (FEE + TICK * POINT)
    assert figures["final_equity"] - figures["starting_balance"] == pytest.approx(moves - costs)
    assert (roll["prices"], roll["fees"]) == ([old[at], new[at]], 2 * FEE)


@pytest.mark.long
def test_nothing_before_the_roll_changes_when_the_tape_ends_there(
    backtest: Callable[..., dict[str, Any]],
) -> None:
    whole, part = backtest(), backtest("data.end=2013-12-18T14:31:30Z")
    assert part["rolls"] == whole["rolls"]
    early = backtest("data.end=2013-12-18T14:30:30Z")
    assert early["rolls"] == []
    assert early["fills"] == 1


def test_check_says_when_the_position_will_be_rolled_and_why(shared_data: Path) -> None:
    rows = describe(load(CONFIG, [f"data.dbn={shared_data / 'es_2013'}"]))
    assert [row for row in rows if row[0] in ("front", "roll")] == [
        ("front", "ES by volume, ESZ13.XCME first"),
        (
            "roll",
            "2013-12-18T14:31:00Z to ESH14.XCME: "
            "volume on 2013-12-13: ESH14 868,208 > ESZ13 347,764",
        ),
    ]
