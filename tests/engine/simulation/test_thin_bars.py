"""Bars of a few contracts, or of none: all of their prices trade."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import (
    Seen,
    Table,
    bracket,
    limit,
    market,
    stop,
    stop_limit,
    touched,
)

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

LAST = (4757, 4757, 4757, 4757)

GROUPS = [
    (
        [
            Table(
                f"a bar of {volume} contracts: {says}",
                [FLAT, (*prices, volume), LAST],
                orders,
                fills,
            )
            for volume in (0, 1, 2, 3)
            for says, prices, orders, fills in [
                (
                    "a market order fills at its close",
                    (4755, 4760, 4750, 4758),
                    {2: [market("buy")]},
                    [(2, "BUY", 4758.25)],
                ),
                (
                    "a stop on its high is triggered",
                    (4755, 4760, 4750, 4758),
                    {1: [stop("buy", 4759)]},
                    [(2, "BUY", 4759.25)],
                ),
                (
                    "a stop on its low is triggered",
                    (4750, 4751, 4741, 4745),
                    {1: [stop("sell", 4742)]},
                    [(2, "SELL", 4741.75)],
                ),
                (
                    "a stop that its open jumps over fills there",
                    (4755, 4760, 4750, 4758),
                    {1: [stop("buy", 4753)]},
                    [(2, "BUY", 4755.25)],
                ),
                (
                    "a limit on its low fills",
                    (4750, 4751, 4741, 4745),
                    {1: [limit("buy", 4742)]},
                    [(2, "BUY", 4742.0)],
                ),
                (
                    "a limit on its high fills",
                    (4755, 4760, 4750, 4758),
                    {1: [limit("sell", 4760)]},
                    [(2, "SELL", 4760.0)],
                ),
                (
                    "an order that its low touches fills",
                    (4750, 4751, 4741, 4745),
                    {1: [touched("buy", 4742)]},
                    [(2, "BUY", 4742.25)],
                ),
                (
                    "a stop-limit fills at its trigger",
                    (4750, 4751, 4741, 4745),
                    {1: [stop_limit("sell", 4747, 4745)]},
                    [(2, "SELL", 4746.75)],
                ),
                (
                    "a bracket is out at its stop, which comes before its target's next chance",
                    (4750, 4751, 4739, 4741),
                    {1: [bracket("buy", 4740, 4760)]},
                    [(1, "BUY", 4750.25), (2, "SELL", 4739.75)],
                ),
            ]
        ],
        {},
    ),
    (
        [
            Table(
                "a bar that stands still at the last price touches a limit there",
                [FLAT, FLAT, FLAT],
                {1: [limit("buy", 4750)]},
                [(2, "BUY", 4750.0)],
            ),
            Table(
                "a limit order at the last price does not fill at that price's own bar",
                [FLAT, (4751, 4752, 4751, 4752), (4752, 4752, 4750, 4751)],
                {1: [limit("buy", 4750)]},
                [(3, "BUY", 4750.0)],
            ),
        ],
        {},
    ),
    (
        [
            Table(
                "where limits must be traded through, standing still fills none",
                [FLAT, FLAT, FLAT],
                {1: [limit("buy", 4750)]},
                [],
            ),
        ],
        {"slippage": {"limit_fills": "on_trade_through"}},
    ),
]


@pytest.mark.parametrize(
    ("table", "group", "settings"),
    [pytest.param(t, g, s, id=t.says) for g, s in GROUPS for t in g],
)
def test_table(
    table: Table, group: list[Table], settings: dict[str, object], played: Played
) -> None:
    seen = played(table, group, settings)
    assert seen.fills == table.fills
    assert not table.ends or seen.ends == table.ends
