"""Compare two runs: their fills, figures and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qe_plugins.config import yaml_reader
from qe_plugins.config.differences import differing
from qe_plugins.report import run_index

FIGURES = (
    "bars orders fills denied trades net_pnl fees final_balance total_return sharpe sortino"
    " volatility max_drawdown win_rate profit_factor expectancy exposure"
    " gross_pnl slippage cost_share roll_cost margin_peak margin_peak_share"
)


def compare(first: Path, second: Path) -> dict[str, Any]:
    """Return the differences of two stored runs.

    `runs` are their ids, `same_fills` is whether every fill is the same, `figures` maps each figure
    to `[first, second, second - first]`, `settings` each differing dotted key to `[first, second]`.
    A setting or figure that one run lacks is None; older runs have fewer.
    """
    one, other = run_index.figures(first), run_index.figures(second)
    settings = (yaml_reader.read(run / "config.yaml").to_plain() for run in (first, second))
    return {
        "runs": [one["run_id"], other["run_id"]],
        "same_fills": one["fills_sha256"] == other["fills_sha256"],
        "figures": {key: _difference(one.get(key), other.get(key)) for key in FIGURES.split()},
        "settings": differing(*settings),
    }


def _difference(one: float | None, other: float | None) -> list[float | None]:
    known = one is not None and other is not None
    return [one, other, round(other - one, 10) if known else None]  # type: ignore[operator]
