"""What the house costs: bars a second, hosted, as a share of plain Nautilus on the same catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAIN, HOSTED = (Path(__file__).with_name(name) for name in ("plain.py", "hosted.py"))
BARS = 200_000
ROUNDS = 8
FIVE: dict[str, Any] = {
    "hunter_momentum": {},
    "arbiter_vote": {},
    "guardian_limits": {
        "stop_required": False,
        "max_contracts": 2,
        "daily_loss": "1_000_000 USD",
        "orders_a_minute": 100,
        "before_break": "0s",
    },
    "guardian_volatility": {"multiple": 100},
    "analyst_trades": {},
}
"""Settings by which next to nothing is refused, so that the orders are plain Nautilus' own."""

pytestmark = pytest.mark.benchmark


def share(
    measured: Callable[..., dict[str, Any]], catalog: Path, file: Path
) -> tuple[float, dict[str, Any]]:
    """Return the best hosted speed over the best plain speed, and the last hosted figures."""
    plain, hosted = [], []
    for _ in range(ROUNDS):
        plain.append(measured(PLAIN, catalog))
        hosted.append(measured(HOSTED, file))
    fastest, ours = (min(run["seconds"] for run in runs) for runs in (plain, hosted))
    print(
        f"\nplain {BARS / fastest:,.0f} bars/s with {plain[0]['orders']:,} orders, "
        f"hosted {BARS / ours:,.0f} bars/s with {hosted[-1]['orders']:,}: {fastest / ours:.2f}"
    )
    return fastest / ours, hosted[-1]


def test_the_gate_without_a_plugin_keeps_085_of_plain_nautilus(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
) -> None:
    ratio, figures = share(measured, walk(BARS), configured(walk(BARS)))
    assert figures["bars"] == BARS
    assert figures["orders"] > 12_000
    assert ratio >= 0.85


def test_five_of_our_plugins_keep_060_of_plain_nautilus(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
) -> None:
    ratio, figures = share(measured, walk(BARS), configured(walk(BARS), plugins=FIVE))
    assert figures["plugins"] == len(FIVE)
    assert figures["orders"] > 12_000
    assert ratio >= 0.60
