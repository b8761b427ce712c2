"""Stop-limit orders: triggered in the bar, at the trigger, at the limit or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import Seen, Table, limit_touched, stop_limit

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

REACHED = (4751, 4755, 4749, 4752)

OURS = [
    Table(
        "a stop-limit takes the market at its trigger though the bar goes beyond its limit",
        [FLAT, REACHED],
        {1: [stop_limit("buy", 4753, 4753.5)]},
        [(2, "BUY", 4753.25)],
    ),
    Table(
        "a stop-limit with room takes the market at its trigger, one tick worse",
        [FLAT, REACHED],
        {1: [stop_limit("buy", 4753, 4756.5)]},
        [(2, "BUY", 4753.25)],
    ),
    Table(
        "a stop-limit never slips past its limit",
        [FLAT, (4751, 4753, 4749, 4752)],
        {1: [stop_limit("buy", 4753, 4753)]},
        [(2, "BUY", 4753.0)],
    ),
    Table(
        "a stop-limit that the open jumps into fills at the open, one tick worse",
        [FLAT, (4754, 4755, 4749, 4752)],
        {1: [stop_limit("buy", 4753, 4756.5)]},
        [(2, "BUY", 4754.25)],
    ),
    Table(
        "a stop-limit that the open jumps over waits at its limit for the market to come back",
        [FLAT, (4740, 4742, 4738, 4741), (4741, 4746, 4740, 4745)],
        {1: [stop_limit("sell", 4745, 4744.5)]},
        [(3, "SELL", 4744.5)],
    ),
    Table(
        "a stop-limit that the open jumps over does not fill until the market comes back",
        [FLAT, (4740, 4742, 4738, 4741), (4741, 4743, 4740, 4742)],
        {1: [stop_limit("sell", 4745, 4744.5)]},
        [],
        ["TRIGGERED"],
    ),
    Table(
        "a sell stop-limit that the bar runs through fills at its trigger on the way",
        [FLAT, (4750, 4751, 4744, 4744)],
        {1: [stop_limit("sell", 4747, 4745)]},
        [(2, "SELL", 4746.75)],
    ),
    Table(
        "a buy stop-limit that the bar runs through fills at its trigger on the way",
        [FLAT, (4750, 4756, 4749, 4756)],
        {1: [stop_limit("buy", 4753, 4754)]},
        [(2, "BUY", 4753.25)],
    ),
    Table(
        "a stop-limit in a bar whose open is its low does not fill better than its trigger",
        [FLAT, (4749, 4755, 4749, 4752)],
        {1: [stop_limit("buy", 4753, 4753.5)]},
        [(2, "BUY", 4753.25)],
    ),
    Table(
        "a stop-limit that the open jumps over rests and fills at its limit in the same bar",
        [FLAT, (4740, 4746, 4738, 4741)],
        {1: [stop_limit("sell", 4745, 4744.5)]},
        [(2, "SELL", 4744.5)],
    ),
    Table(
        "a sell stop-limit behind the market takes it at once and slips",
        [FLAT, FLAT],
        {1: [stop_limit("sell", 4850, 4740)]},
        [(1, "SELL", 4749.75)],
    ),
    Table(
        "a stop-limit behind the market never slips past its limit",
        [FLAT, FLAT],
        {1: [stop_limit("buy", 4650, 4750)]},
        [(1, "BUY", 4750.0)],
    ),
    Table(
        "a stop-limit behind the market rests where its limit is out of reach",
        [FLAT, FLAT, (4750, 4750, 4745, 4746)],
        {1: [stop_limit("buy", 4650, 4747)]},
        [(3, "BUY", 4747.0)],
    ),
    Table(
        "a limit-if-touched order that is touched already takes the market at once and slips",
        [FLAT, FLAT],
        {1: [limit_touched("sell", 4700, 4690)]},
        [(1, "SELL", 4749.75)],
    ),
    Table(
        "a limit that is touched takes the market at its trigger, one tick worse",
        [FLAT, (4750, 4752, 4745, 4751)],
        {1: [limit_touched("buy", 4748, 4748.5)]},
        [(2, "BUY", 4748.25)],
    ),
]

NAUTILUS = [
    Table(
        "plain Nautilus fills a waiting stop-limit at the bar's low (optimistic: not at its limit)",
        [FLAT, REACHED],
        {1: [stop_limit("buy", 4753, 4753.5)]},
        [(2, "BUY", 4749.0)],
    ),
    Table(
        "plain Nautilus fills a limit that is touched at the bar's low (optimistic)",
        [FLAT, (4750, 4752, 4745, 4751)],
        {1: [limit_touched("buy", 4748, 4748.5)]},
        [(2, "BUY", 4745.0)],
    ),
]

PLAIN = {"slippage": {"model": "none"}, "fills": {"rules": "nautilus"}}

GROUPS = [(OURS, {}), (NAUTILUS, PLAIN)]


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
