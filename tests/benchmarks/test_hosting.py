"""What hosting costs: bars a second, hosted, as a share of plain Nautilus on the same catalog.

Plain Nautilus fills by rules of its own. So a share is measured twice: with Nautilus' rules in
both, which is what hosting costs, and with the exchange's rules, which are simulated in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAIN, HOSTED = (Path(__file__).with_name(name) for name in ("plain.py", "hosted.py"))
BARS = 200_000
ROUNDS = 8
TRADER, DENSE = (60, 170), (5, 14)
"""Lengths of averages that cross once in 150 bars, as a trader sends orders, and once in 13."""

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
    measured: Callable[..., dict[str, Any]], catalog: Path, file: Path, lengths: tuple[int, int]
) -> tuple[float, dict[str, Any]]:
    """Return the best hosted speed over the best plain speed, and the last hosted figures."""
    plain, hosted = [], []
    for _ in range(ROUNDS):
        plain.append(measured(PLAIN, catalog, *lengths))
        hosted.append(measured(HOSTED, file))
    fastest, ours = (min(run["seconds"] for run in runs) for runs in (plain, hosted))
    print(
        f"\nplain {BARS / fastest:,.0f} bars/s with {plain[0]['orders']:,} orders, "
        f"hosted {BARS / ours:,.0f} bars/s with {hosted[-1]['orders']:,}: {fastest / ours:.2f}"
    )
    assert hosted[-1]["bars"] == BARS
    return fastest / ours, hosted[-1]


@pytest.mark.parametrize("rules", ["nautilus", "exchange"])
@pytest.mark.parametrize(
    ("lengths", "orders", "least"), [(TRADER, 1_200, 0.90), (DENSE, 12_000, 0.70)]
)
def test_the_gate_without_a_plugin_keeps_most_of_plain_nautilus(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
    lengths: tuple[int, int],
    orders: int,
    least: float,
    rules: str,
) -> None:
    """The rules of the exchange are reported: plain Nautilus has none of them to compare with."""
    file = configured(walk(BARS), lengths, fills={"rules": rules})
    ratio, figures = share(measured, walk(BARS), file, lengths)
    print(f"with fills by the rules of {rules}")
    assert figures["orders"] > orders
    assert rules == "exchange" or ratio >= least


@pytest.mark.parametrize("lengths", [TRADER, DENSE])
def test_five_of_our_plugins_are_reported(
    walk: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
    lengths: tuple[int, int],
) -> None:
    """A hunter is called at every bar, so there is no share that this keeps."""
    file = configured(walk(BARS), lengths, plugins=FIVE)
    _, figures = share(measured, walk(BARS), file, lengths)
    assert figures["plugins"] == len(FIVE)
