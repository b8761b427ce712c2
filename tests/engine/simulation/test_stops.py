"""Stop orders: inside the bar at their trigger, over a gap at the open, one tick worse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import (
    Seen,
    Table,
    bracket,
    market,
    moved_stop,
    stop,
    touched,
    trailing,
)

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

STOPS = [
    Table(
        "a buy stop inside the bar fills at its trigger, one tick worse",
        [FLAT, (4751, 4755, 4749, 4752)],
        {1: [stop("buy", 4753)]},
        [(2, "BUY", 4753.25)],
    ),
    Table(
        "a sell stop inside the bar fills at its trigger, one tick worse",
        [FLAT, (4750, 4751, 4744, 4746)],
        {1: [stop("sell", 4745)]},
        [(2, "SELL", 4744.75)],
    ),
    Table(
        "a buy stop that the open jumps over fills at the open, one tick worse",
        [FLAT, (4756, 4758, 4755, 4757)],
        {1: [stop("buy", 4753)]},
        [(2, "BUY", 4756.25)],
    ),
    Table(
        "a sell stop that the open jumps over fills at the open, one tick worse",
        [FLAT, (4740, 4742, 4738, 4741)],
        {1: [stop("sell", 4745)]},
        [(2, "SELL", 4739.75)],
    ),
    Table(
        "a stop that the high exactly touches is triggered",
        [FLAT, (4750, 4753, 4749, 4750)],
        {1: [stop("buy", 4753)]},
        [(2, "BUY", 4753.25)],
    ),
    Table(
        "a stop that the high misses by a tick is not",
        [FLAT, (4750, 4752.75, 4749, 4750)],
        {1: [stop("buy", 4753)]},
        [],
        ["ACCEPTED"],
    ),
    Table(
        "a stop on the wrong side of the market takes it at once",
        [FLAT, FLAT],
        {1: [stop("buy", 4745)]},
        [(1, "BUY", 4750.25)],
    ),
    Table(
        "a stop is not triggered by the bar on which it was sent",
        [(4750, 4760, 4740, 4750), FLAT],
        {1: [stop("buy", 4755)]},
        [],
        ["ACCEPTED"],
    ),
    Table(
        "a stop larger than a quarter of the bar pays one tick more for the rest",
        [FLAT, (4751, 4755, 4749, 4752)],
        {1: [stop("buy", 4753, 30)]},
        [(2, 25, "BUY", 4753.25), (2, 5, "BUY", 4753.5)],
    ),
    Table(
        "an order that is touched falls due at its trigger, one tick worse",
        [FLAT, (4750, 4752, 4745, 4751)],
        {1: [touched("buy", 4748)]},
        [(2, "BUY", 4748.25)],
    ),
    Table(
        "a trailing stop follows the high of a bar and fills on its low (the high comes first)",
        [FLAT, (4750, 4760, 4749, 4751)],
        {1: [market("buy"), trailing("sell", 4745, "5")]},
        [(1, "BUY", 4750.25), (2, "SELL", 4754.75)],
    ),
    Table(
        "a trailing stop never moves back",
        [FLAT, (4750, 4754, 4750, 4754), (4752, 4752, 4750, 4751), (4750, 4750, 4748, 4748)],
        {1: [market("buy"), trailing("sell", 4745, "5")]},
        [(1, "BUY", 4750.25), (4, "SELL", 4748.75)],
    ),
    Table(
        "a trailing stop without a trigger starts from the last price",
        [FLAT, (4750, 4760, 4749, 4751)],
        {1: [market("buy"), trailing("sell", None, "5")]},
        [(1, "BUY", 4750.25), (2, "SELL", 4754.75)],
    ),
    Table(
        "a trailing stop whose trigger the market has passed takes the market at once",
        [FLAT, FLAT],
        {1: [market("buy"), trailing("sell", 4755, "5")]},
        [(1, "BUY", 4750.25), (1, "SELL", 4749.75)],
    ),
    Table(
        "a sell stop that is moved above the market takes it at once",
        [FLAT, (4750, 4753, 4749, 4752), FLAT],
        {1: [market("buy"), stop("sell", 4740)], 2: [moved_stop(2, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4751.75)],
    ),
    Table(
        "a buy stop that is moved below the market takes it at once",
        [FLAT, (4750, 4753, 4749, 4752), FLAT],
        {1: [market("sell"), stop("buy", 4760)], 2: [moved_stop(2, 4745)]},
        [(1, "SELL", 4749.75), (2, "BUY", 4752.25)],
    ),
    Table(
        "a bracket's stop that is moved through the market ends its target, too",
        [FLAT, (4750, 4753, 4749, 4752), (4752, 4770, 4751, 4752)],
        {1: [bracket("buy", 4740, 4760)], 2: [moved_stop(2, 4755)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4751.75)],
    ),
    Table(
        "a stop that is moved but not through the market waits at its new trigger",
        [FLAT, FLAT, (4750, 4751, 4744, 4746)],
        {1: [market("buy"), stop("sell", 4740)], 2: [moved_stop(2, 4745)]},
        [(1, "BUY", 4750.25), (3, "SELL", 4744.75)],
    ),
    Table(
        "a trailing stop that the open jumps over fills at the open",
        [FLAT, (4750, 4754, 4750, 4754), (4740, 4741, 4739, 4740)],
        {1: [market("buy"), trailing("sell", 4745, "5")]},
        [(1, "BUY", 4750.25), (3, "SELL", 4739.75)],
    ),
]

THREE_TICKS = [
    Table(
        "three ticks of slippage count from the trigger inside the bar",
        [FLAT, (4751, 4755, 4749, 4752)],
        {1: [stop("buy", 4753)]},
        [(2, "BUY", 4753.75)],
    ),
    Table(
        "three ticks of slippage count from the market for a stop on its wrong side",
        [FLAT, FLAT],
        {1: [stop("buy", 4745)]},
        [(1, "BUY", 4750.75)],
    ),
    Table(
        "three ticks of slippage count from the open over a gap",
        [FLAT, (4740, 4742, 4738, 4741)],
        {1: [stop("sell", 4745)]},
        [(2, "SELL", 4739.25)],
    ),
]

GROUPS = [(STOPS, {}), (THREE_TICKS, {"slippage": {"ticks": 3}})]


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
