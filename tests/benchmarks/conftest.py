"""Tapes to measure on, and fresh processes to measure in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from nautilus_trader.model import Bar, BarType, FuturesContract, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.market.sessions import sessions
from tests.benchmarks.machine import surroundings

ROOT = Path(__file__).resolve().parents[2]
MINUTE = 60_000_000_000
PIECE = 100_000


@pytest.fixture(scope="session")
def walk(
    tmp_path_factory: pytest.TempPathFactory, qe_contract: FuturesContract
) -> Callable[[int], Path]:
    """Return a function that writes a random walk of MES into a catalog, minute by minute.

    Only minutes in which the market trades: an order out of hours would be refused.
    """
    made: dict[int, Path] = {}

    def write(bars: int) -> Path:
        if bars not in made:
            made[bars] = tmp_path_factory.mktemp("walk")
            _write(made[bars], qe_contract, bars)
        return made[bars]

    return write


def _write(folder: Path, contract: FuturesContract, bars: int) -> None:
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([contract])
    kind = BarType.from_str(f"{contract.id}-1-MINUTE-LAST-EXTERNAL")
    steps = np.random.default_rng(7).integers(-4, 5, bars)
    closes = 20_000 + np.clip(np.cumsum(steps), -15_000, 15_000)  # in ticks
    volume, stamps = Quantity.from_int(1_000), _trading_minutes(contract, bars)
    for first in range(0, bars, PIECE):
        piece = []
        for n in range(first, min(first + PIECE, bars)):
            opened, closed = int(closes[max(n - 1, 0)]), int(closes[n])
            low, high = sorted((opened, closed))
            prices = (Price(ticks * 0.25, 2) for ticks in (opened, high, low, closed))
            piece.append(Bar(kind, *prices, volume, stamps[n], stamps[n]))
        catalog.write_bars(piece)


def _trading_minutes(contract: FuturesContract, bars: int) -> list[int]:
    """Return the last minutes of trading in the year before a contract's last week (UTC ns)."""
    until = datetime.fromtimestamp(contract.expiration_ns / 1e9, UTC).date() - timedelta(days=7)
    stamps = [
        int(each.open.timestamp()) * 1_000_000_000 + n * MINUTE
        for each in sessions(contract.underlying, until - timedelta(days=365), until)
        for n in range(1, int((each.close - each.open).total_seconds()) // 60)
    ]
    return stamps[-bars:]


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the EMA cross on a catalog, and its lengths, as a file."""

    def write(catalog: Path, lengths: tuple[int, int], **more: Any) -> Path:
        file, (fast, slow) = tmp_path / "bench.yaml", lengths
        config = {
            "extends": str(ROOT / "configs/base/cme.yaml"),
            "name": "benchmark",
            "data": {"catalog": str(catalog)},
            "strategies": {
                "ema_cross": {"instrument_id": "MESH24.XCME", "fast": fast, "slow": slow}
            },
            "slippage": {"model": "none"},
            "nautilus": {"venue": {"starting_balances": ["1_000_000 USD"]}},
            **more,
        }
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        return file

    return write


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that runs Python in a fresh process and returns the JSON it prints."""

    def run(*arguments: object) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env=surroundings(tmp_path / "home"),
            check=True,
            capture_output=True,
            text=True,
        )
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    return run
