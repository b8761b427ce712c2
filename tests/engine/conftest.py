"""A small market on disk, and a desk that trades it in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from nautilus_trader.model import Bar, FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.plugins import PluginManager
from qe_plugins.plugins.base import Plugin

CONTRACT = "MESH24.XCME"
MINUTES = [f"2024-01-03 15:{minute:02}" for minute in range(60)]
CONTRACTS = {"MES": {"margin_init": 2_000, "margin_maint": 1_800, "fee": 0.57}}


@pytest.fixture
def tape(
    tmp_path: Path, qe_contract: FuturesContract, qe_bar: Callable[..., Bar]
) -> Callable[..., Path]:
    """Return a function that writes minutes of MES, by their closes, into a catalog."""

    def write(closes: Sequence[float]) -> Path:
        folder = tmp_path / "tape"
        folder.mkdir()
        catalog = ParquetDataCatalog(str(folder))
        catalog.write_instruments([qe_contract])
        opens = [closes[0], *closes]
        catalog.write_bars(
            [
                qe_bar(close, open=opened, high=max(close, opened), low=min(close, opened), at=at)
                for close, opened, at in zip(closes, opens, MINUTES, strict=False)
            ]
        )
        return folder

    return write


@pytest.fixture
def settings(tmp_path: Path, tape: Callable[..., Path]) -> Callable[..., Loaded]:
    """Return a function that loads a configuration for a strategy of tests/engine/traders.py."""

    def make(trader: str | None, closes: Sequence[float] = (4750,) * 10, **more: Any) -> Loaded:
        strategies = {"trader": {"path": f"tests.engine.traders:{trader}"}} if trader else {}
        config = {
            "name": "a test",
            "data": {"catalog": str(tape(closes))},
            "strategies": strategies,
            "contracts": CONTRACTS,
            **more,
        }
        file = tmp_path / "test.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        return load(file)

    return make


@pytest.fixture
def trade(settings: Callable[..., Loaded]) -> Callable[..., BacktestResult]:
    """Return a function that runs a trader past plugin instances and returns the outcome."""

    def desk(trader: str | None, *plugins: Plugin, **more: Any) -> BacktestResult:
        named = PluginManager([(type(plugin).__name__, plugin) for plugin in plugins])
        return run(settings(trader, **more), plugins=named)

    return desk
