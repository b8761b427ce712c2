"""Jobs for spawned processes: a test names them, a child imports them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def square(number: int) -> int:
    """Answer."""
    return number * number


def dies_of_thirteen(number: int) -> int:
    """Kill the process that is given a 13."""
    if number == 13:
        os._exit(7)
    return number


def process(_: int) -> int:
    """Tell which process it is."""
    return os.getpid()


def waits_for_ever(number: int) -> int:
    """Answer only the first job."""
    while number:
        time.sleep(1)
    return number


def pretends(job: dict[str, Any]) -> dict[str, Any]:
    """Stand in for a backtest: leave a mark that it was run, fail where it is told to."""
    said = dict(override.partition("=")[::2] for override in job["overrides"])
    fast = int(said["strategies.ema_cross.fast"])
    with (Path(os.environ["QE_HOME"]) / "ran.txt").open("a") as marks:
        marks.write(f"{fast}\n")
    if fast == 13:
        return {"error": "unlucky", "seconds": 0.0}
    figures = {
        "net_pnl": float(fast), "sharpe": fast / 10, "sortino": None, "max_drawdown": -0.01,
        "trades": fast, "win_rate": 0.5, "profit_factor": None, "expectancy": 1.0, "fees": 2.0,
        "exposure": 0.5, "end": "2024-01-02T21:00:00+00:00", "fills_sha256": f"{fast:064d}",
        "data_source": "synthetic", "data_label": "SYNTHETIC", "currency": "USD",
    }  # fmt: skip
    return {"figures": figures, "seconds": 0.1}
