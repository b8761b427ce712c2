"""What the house costs: bars a second, hosted, as a share of plain Nautilus on the same catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAIN = Path(__file__).parent / "plain.py"
BARS = 200_000
ROUNDS = 3

pytestmark = pytest.mark.benchmark


def share(
    measured: Callable[..., dict[str, Any]], catalog: Path, file: Path
) -> tuple[float, dict[str, Any]]:
    """Return the best hosted speed over the best plain speed, and the last hosted figures."""
    plain, hosted = [], []
    for _ in range(ROUNDS):
        plain.append(measured(PLAIN, catalog))
        hosted.append(measured("-m", "qe_plugins.cli", "backtest", file, "--json"))
    fastest = min(run["seconds"] for run in plain)
    ratio = fastest / min(run["seconds"]["run"] for run in hosted)
    print(
        f"\nplain {BARS / fastest:,.0f} bars/s with {plain[0]['orders']:,} orders, "
        f"hosted {hosted[-1]['bars_per_second']:,.0f} bars/s with {hosted[-1]['orders']:,}: "
        f"{ratio:.2f}"
    )
    return ratio, hosted[-1]


def test_the_gate_without_a_plugin_keeps_085_of_plain_nautilus(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
) -> None:
    ratio, figures = share(measured, walk(BARS), configured(walk(BARS)))
    assert figures["orders"] > 12_000
    assert ratio >= 0.85


def test_five_of_our_plugins_keep_060_of_plain_nautilus(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
) -> None:
    plugins: dict[str, Any] = {
        "hunter_momentum": {},
        "arbiter_vote": {},
        "guardian_limits": {"require_stop": False, "max_contracts": 2},
        "guardian_volatility": {},
        "analyst_trades": {},
    }
    ratio, figures = share(measured, walk(BARS), configured(walk(BARS), plugins=plugins))
    assert len(figures["plugins"]) == len(plugins)
    assert ratio >= 0.60
