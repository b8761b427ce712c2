"""The same configuration gives the same fills, journal and figures, whatever Python's hash seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from tests.command import ROOT, figures

OF_THE_RUN = {"run_id", "run_dir", "started", "seconds", "bars_per_second"}
"""What may differ: who ran it, when, where and how fast."""


def timeless(printed: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without what belongs to one run."""
    kept = {name: value for name, value in printed.items() if name not in OF_THE_RUN}
    kept["plugins"] = [
        {name: value for name, value in plugin.items() if name != "seconds"}
        for plugin in printed["plugins"]
    ]
    return kept


def twice(name: str, *overrides: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a configuration in two processes whose sets and dicts are in different order."""
    options = [option for override in overrides for option in ("--set", override)]
    file = ROOT / "configs/backtest" / name
    first, second = (figures(file, *options, PYTHONHASHSEED=seed) for seed in ("1", "20241123"))
    return first, second


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first["fills"] > 0
    assert first["run_id"] != second["run_id"]
    assert first["fills_sha256"] == second["fills_sha256"]
    assert first["journal_sha256"] == second["journal_sha256"]
    assert timeless(first) == timeless(second)


def test_two_runs_of_the_quickstart_are_the_same() -> None:
    assert_same(*twice("quickstart.yaml", "data.synthetic.sessions=3"))


@pytest.mark.long
def test_two_runs_of_strategies_with_the_same_bars_are_the_same(tmp_path: Path) -> None:
    cross = {"instrument_id": "MESH24.XCME", "fast": 3, "slow": 8}
    strategy = {"path": "strategies.ema_cross:EmaCross", "config": cross}
    file = tmp_path / "many.yaml"
    config = {
        "name": "many",
        "extends": str(ROOT / "configs/base/cme.yaml"),
        "data": {"synthetic": {"root": "MES", "start": "2024-01-02", "sessions": 2}},
        "strategies": dict.fromkeys(("zulu", "alpha", "mike", "bravo"), strategy),
    }
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    assert_same(*(figures(file, PYTHONHASHSEED=seed) for seed in ("1", "20241123")))


@pytest.mark.long
def test_two_runs_of_the_desk_on_real_es_are_the_same(shared_data: Path) -> None:
    assert_same(*twice("es_2013_signals.yaml", f"data.dbn={shared_data / 'es_2013'}"))


@pytest.mark.parametrize("chunk", [1_000, 7_919])
def test_the_size_of_the_pieces_changes_no_fill_and_no_fact(chunk: int) -> None:
    file, sessions = ROOT / "configs/backtest/quickstart.yaml", "data.synthetic.sessions=2"
    sizes = ((), (f"data.chunk_size={chunk}",))
    whole, pieces = (run(load(file, (sessions, *more))) for more in sizes)
    assert whole.fills_sha256 == pieces.fills_sha256
    assert whole.facts == pieces.facts
