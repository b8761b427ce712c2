"""Limit orders: at their price, touched or traded through, never slipping; by volume."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import Seen, Table, limit

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

TOUCHED = [
    Table(
        "a buy limit that the low touches fills at its price (optimistic: first in the queue)",
        [FLAT, (4750, 4752, 4749, 4751)],
        {1: [limit("buy", 4749)]},
        [(2, "BUY", 4749.0)],
    ),
    Table(
        "a sell limit that the high touches fills at its price (optimistic: as above)",
        [FLAT, (4750, 4752, 4749, 4751)],
        {1: [limit("sell", 4752)]},
        [(2, "SELL", 4752.0)],
    ),
    Table(
        "a limit that the bar misses by a tick waits",
        [FLAT, (4750, 4752, 4749.25, 4751)],
        {1: [limit("buy", 4749)]},
        [],
        ["ACCEPTED"],
    ),
    Table(
        "a limit traded through fills at its price, not at the low",
        [FLAT, (4750, 4752, 4745, 4751)],
        {1: [limit("buy", 4749)]},
        [(2, "BUY", 4749.0)],
    ),
    Table(
        "a limit that the open jumps over fills at its price (pessimistic: not at the open)",
        [FLAT, (4745, 4752, 4744, 4751)],
        {1: [limit("buy", 4749)]},
        [(2, "BUY", 4749.0)],
    ),
    Table(
        "a limit is not filled by the bar on which it was sent",
        [(4750, 4755, 4745, 4750), (4750, 4751, 4749.5, 4750)],
        {1: [limit("buy", 4747)]},
        [],
        ["ACCEPTED"],
    ),
    Table(
        "a limit larger than a quarter of the bar fills in parts, bar after bar",
        [FLAT, (4750, 4752, 4749, 4751), (4751, 4752, 4749, 4751), (4751, 4752, 4750, 4751)],
        {1: [limit("buy", 4749, 60)]},
        [(2, 25, "BUY", 4749.0), (3, 25, "BUY", 4749.0)],
        ["PARTIALLY_FILLED"],
    ),
    Table(
        "a thin bar fills at least one contract",
        [FLAT, (4750, 4752, 4749, 4751, 2)],
        {1: [limit("buy", 4749, 2)]},
        [(2, "BUY", 4749.0)],
    ),
    Table(
        "an immediate order that the market does not reach is cancelled",
        [FLAT, (4740, 4741, 4739, 4740)],
        {1: [limit("buy", 4745, tif="IOC")]},
        [],
        ["CANCELED"],
    ),
    Table(
        "an all-or-nothing order that crosses the market fills like a market order",
        [FLAT, FLAT],
        {1: [limit("buy", 4755, 50, tif="FOK")]},
        [(1, 25, "BUY", 4750.25), (1, 25, "BUY", 4750.5)],
    ),
]

THROUGH = [
    Table(
        "where limits must be traded through, a touch is not enough",
        [FLAT, (4750, 4752, 4749, 4751)],
        {1: [limit("buy", 4749)]},
        [],
        ["ACCEPTED"],
    ),
    Table(
        "where limits must be traded through, a tick beyond fills at the limit",
        [FLAT, (4750, 4752, 4748.75, 4751)],
        {1: [limit("buy", 4749)]},
        [(2, "BUY", 4749.0)],
    ),
]

CONSUMED = [
    Table(
        "where volume is consumed, the next bar at the same price has none left (pessimistic)",
        [FLAT, (4750, 4752, 4749, 4751), (4751, 4752, 4749, 4751)],
        {1: [limit("buy", 4749, 60)]},
        [(2, 25, "BUY", 4749.0)],
        ["PARTIALLY_FILLED"],
    ),
]

GROUPS = [
    (TOUCHED, {}),
    (THROUGH, {"slippage": {"limit_fills": "on_trade_through"}}),
    (CONSUMED, {"venue": {"liquidity_consumption": True}}),
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
