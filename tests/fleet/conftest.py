"""A small fleet as a file, and the market of a generated tape that it looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from qe_plugins.fleet.loader import LoadedFleet, load
from qe_plugins.fleet.tasks.snapshot import MINUTE, MarketSnapshot

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "fleet"
START = 1_700_000_040_000_000_000 // MINUTE * MINUTE

type Write = Callable[..., LoadedFleet]


def document(**changes: Any) -> dict[str, Any]:
    """Return a fleet of 1 x 2 x 2 x 3 as plain data, with top-level keys replaced."""
    return {
        "name": "small",
        "data": {"synthetic": {"sessions": 3, "contracts": 1, "seed": 7}},
        "ranks": {
            "desk": {"model": "deepseek-flash", "deadline": "50s"},
            "coordinator": {"model": "deepseek-flash", "deadline": "40s"},
            "captain": {"count": 2, "model": "deepseek-flash", "deadline": "30s"},
            "supervisor": {"count": 2, "model": "deepseek-flash", "deadline": "20s"}
            | {"ask_model": "never"},
            "worker": {"count": 3, "model": "deepseek-flash", "deadline": "10s"},
        },
        "coordinators": [
            {
                "role": "HUNTER",
                "tasks": {"windows": {"timeframes": ["1m", "5m"], "bars": [20], "back": 6}},
            }
        ],
        **changes,
    }


@pytest.fixture
def fleet_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the small fleet, changed, and returns the file."""

    def write(**changes: Any) -> Path:
        file = tmp_path / "fleet.yaml"
        file.write_text(yaml.safe_dump(document(**changes), sort_keys=False), encoding="utf-8")
        return file

    return write


@pytest.fixture
def small(fleet_file: Callable[..., Path]) -> Write:
    """Return a function that loads the small fleet, changed."""
    return lambda **changes: load(fleet_file(**changes))


def market(
    *,
    minutes: int = 3_000,
    names: tuple[str, ...] = ("MESH24.XCME",),
    level: float = 4_096.0,
    start: int = START,
    seed: int = 1,
) -> MarketSnapshot:
    """Return a random walk of each name, minute by minute, from a level and a time on."""
    frames = []
    for number, name in enumerate(names):
        rng = np.random.default_rng(seed + number)
        close = level * np.exp(np.cumsum(rng.normal(0, 0.0003, minutes)))
        opened = np.concatenate([[level], close[:-1]])
        frame = pl.DataFrame(
            {
                "ts": start + (np.arange(minutes) + 1) * MINUTE,
                "instrument": [name] * minutes,
                "open": opened,
                "high": np.maximum(opened, close) * 1.0001,
                "low": np.minimum(opened, close) * 0.9999,
                "close": close,
                "volume": rng.integers(1, 900, minutes).astype(float),
            }
        )
        frames.append(frame)
    return MarketSnapshot(pl.concat(frames))
