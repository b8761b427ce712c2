"""Brackets: entry and exit in one bar, and bars that reach the stop and the target."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import Seen, Table, bracket, stop_bracket

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

BOTH = (4750, 4765, 4735, 4750)

HIGH_FIRST = [
    Table(
        "a long bracket whose bar reaches both is out at the target (optimistic: high first)",
        [FLAT, BOTH],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4760.0)],
        ["FILLED", "CANCELED", "FILLED"],
    ),
    Table(
        "a short bracket whose bar reaches both is out at the stop (pessimistic: high first)",
        [FLAT, BOTH],
        {1: [bracket("sell", 4760, 4740)]},
        [(1, "SELL", 4749.75), (2, "BUY", 4760.25)],
        ["FILLED", "FILLED", "CANCELED"],
    ),
    Table(
        "a bracket is out at its stop, one tick worse, and the target is cancelled",
        [FLAT, (4750, 4751, 4739, 4741)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4739.75)],
        ["FILLED", "FILLED", "CANCELED"],
    ),
    Table(
        "a bracket is out at its target, which does not slip, and the stop is cancelled",
        [FLAT, (4750, 4761, 4749, 4758)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4760.0)],
        ["FILLED", "CANCELED", "FILLED"],
    ),
    Table(
        "a bracket's stop that the open jumps over fills at the open",
        [FLAT, (4730, 4735, 4728, 4733)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4729.75)],
    ),
    Table(
        "a bracket's target that the open jumps over fills at its price (pessimistic)",
        [FLAT, (4770, 4772, 4768, 4771)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4760.0)],
    ),
    Table(
        "a bracket that neither is reached of stays open",
        [FLAT, (4750, 4759.75, 4740.25, 4750)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25)],
        ["FILLED", "ACCEPTED", "ACCEPTED"],
    ),
    Table(
        "a limit entry and its target in one bar: the target is above, the high was before",
        [FLAT, (4750, 4762, 4745, 4750)],
        {1: [bracket("buy", 4740, 4760, entry=4747)]},
        [(2, "BUY", 4747.0)],
        ["FILLED", "ACCEPTED", "ACCEPTED"],
    ),
    Table(
        "a limit entry and its stop in one bar: out at the stop on the same low",
        [FLAT, (4750, 4751, 4738, 4750)],
        {1: [bracket("buy", 4740, 4760, entry=4747)]},
        [(2, "BUY", 4747.0), (2, "SELL", 4739.75)],
    ),
    Table(
        "a stop entry on the high and its stop on the low of one bar: in and out",
        [FLAT, (4750, 4756, 4744, 4750)],
        {1: [stop_bracket("buy", 4755, 4745, 4765)]},
        [(2, "BUY", 4755.25), (2, "SELL", 4744.75)],
    ),
    Table(
        "a stop entry and its target on the same high: in, and out at the target",
        [FLAT, (4750, 4766, 4749, 4760)],
        {1: [stop_bracket("buy", 4755, 4745, 4765)]},
        [(2, "BUY", 4755.25), (2, "SELL", 4765.0)],
    ),
    Table(
        "an entry that never fills never works its exits",
        [FLAT, (4750, 4754, 4739, 4750)],
        {1: [stop_bracket("buy", 4755, 4745, 4765)]},
        [],
    ),
]

NEARER_FIRST = [
    Table(
        "with the nearer first, a bar that opens near its low reaches a long's stop first",
        [FLAT, (4745, 4765, 4739, 4750)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4739.75)],
    ),
    Table(
        "with the nearer first, a bar that opens near its high reaches a long's target first",
        [FLAT, (4755, 4761, 4735, 4750)],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4760.0)],
    ),
    Table(
        "with the nearer first, a bar that opens near its low reaches a short's target first",
        [FLAT, (4745, 4765, 4739, 4750)],
        {1: [bracket("sell", 4760, 4740)]},
        [(1, "SELL", 4749.75), (2, "BUY", 4740.0)],
    ),
    Table(
        "with the nearer first, a bar that opens near its high reaches a short's stop first",
        [FLAT, (4755, 4761, 4735, 4750)],
        {1: [bracket("sell", 4760, 4740)]},
        [(1, "SELL", 4749.75), (2, "BUY", 4760.25)],
    ),
    Table(
        "with the nearer first, a bar as far from both takes the low first",
        [FLAT, BOTH],
        {1: [bracket("buy", 4740, 4760)]},
        [(1, "BUY", 4750.25), (2, "SELL", 4739.75)],
    ),
]

REJECTING = [
    Table(
        "as Nautilus has it by default, a bar through entry and stop loses the stop (optimistic)",
        [FLAT, (4750, 4751, 4738, 4750)],
        {1: [bracket("buy", 4740, 4760, entry=4747)]},
        [(2, "BUY", 4747.0)],
        ["FILLED", "REJECTED", "REJECTED"],
    ),
]

GROUPS = [
    (REJECTING, {"venue": {"reject_stop_orders": True}}),
    (HIGH_FIRST, {}),
    (NEARER_FIRST, {"venue": {"bar_adaptive_high_low_ordering": True}}),
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
