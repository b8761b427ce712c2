"""Market orders: the price they were sent on, one tick worse; slippage by every model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import Seen, Table, limit, market

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

ONE_TICK = [
    Table(
        "a market buy fills at the close it was sent on, one tick worse",
        [FLAT, (4760, 4761, 4759, 4760)],
        {1: [market("buy")]},
        [(1, "BUY", 4750.25)],
    ),
    Table(
        "a market sale fills at the close it was sent on, one tick worse",
        [FLAT, (4760, 4761, 4759, 4760)],
        {1: [market("sell")]},
        [(1, "SELL", 4749.75)],
    ),
    Table(
        "a market order larger than a quarter of the bar pays one tick more for the rest",
        [FLAT, FLAT],
        {1: [market("buy", 30)]},
        [(1, 25, "BUY", 4750.25), (1, 5, "BUY", 4750.5)],
    ),
    Table(
        "a market order larger than the whole bar still fills (optimistic: no volume is missed)",
        [FLAT, FLAT],
        {1: [market("buy", 250)]},
        [(1, 25, "BUY", 4750.25), (1, 225, "BUY", 4750.5)],
    ),
    Table(
        "a round trip on a bar that does not move loses two ticks",
        [FLAT, FLAT, FLAT],
        {1: [market("buy")], 2: [market("sell")]},
        [(1, "BUY", 4750.25), (2, "SELL", 4749.75)],
    ),
    Table(
        "a reversal fills as one order",
        [FLAT, FLAT, FLAT],
        {1: [market("buy")], 2: [market("sell", 2)]},
        [(1, "BUY", 4750.25), (2, 2, "SELL", 4749.75)],
    ),
    Table(
        "an order at the open is refused by the venue, which knows no auction",
        [FLAT, (4755, 4757, 4754, 4756)],
        {1: [market("buy", tif="AT_THE_OPEN")]},
        [],
        ["REJECTED"],
    ),
    Table(
        "an order at the close is refused by the venue, which knows no auction",
        [FLAT, (4755, 4757, 4754, 4756)],
        {1: [market("buy", tif="AT_THE_CLOSE")]},
        [],
        ["REJECTED"],
    ),
    Table(
        "a limit order that crosses the market is a market order with a worst price, and slips",
        [FLAT, FLAT],
        {1: [limit("buy", 4755)]},
        [(1, "BUY", 4750.25)],
    ),
]

PLAIN = [
    Table(
        "without slippage a market buy fills at the close (optimistic: it pays no spread)",
        [FLAT, FLAT],
        {1: [market("buy")]},
        [(1, "BUY", 4750.0)],
    ),
]

THREE_TICKS = [
    Table(
        "three ticks of slippage move a market order by three, whatever its size",
        [FLAT, FLAT],
        {1: [market("buy", 250)]},
        [(1, 250, "BUY", 4750.75)],
    ),
]

HALF_SPREAD = [
    Table(
        "half of a spread of three ticks is rounded up to two",
        [FLAT, FLAT],
        {1: [market("sell")]},
        [(1, "SELL", 4749.5)],
    ),
]

VOLUME_SHARE = [
    Table(
        "four per cent of the bar at a tick for every two moves the price by two ticks",
        [FLAT, FLAT],
        {1: [market("buy", 4)]},
        [(1, 4, "BUY", 4750.5)],
    ),
    Table(
        "the same order in a bar of ten times the volume moves the price by one tick",
        [(*FLAT, 1_000), FLAT],
        {1: [market("buy", 4)]},
        [(1, 4, "BUY", 4750.25)],
    ),
]

SQUARE_ROOT = [
    Table(
        "by the square root law 40 contracts of 138,000 a day move the price by four ticks",
        [FLAT, FLAT],
        {1: [market("buy", 40)]},
        [(1, 40, "BUY", 4751.0)],
    ),
    Table(
        "by the square root law four times the size moves the price twice as far",
        [FLAT, FLAT],
        {1: [market("buy", 160)]},
        [(1, 160, "BUY", 4751.75)],
    ),
]

GROUPS = [
    (ONE_TICK, {}),
    (PLAIN, {"slippage": {"model": "none"}}),
    (THREE_TICKS, {"slippage": {"ticks": 3}}),
    (HALF_SPREAD, {"slippage": {"model": "half_spread", "spread": 3}}),
    (VOLUME_SHARE, {"slippage": {"model": "volume_share", "share": "2%"}}),
    (SQUARE_ROOT, {"slippage": {"model": "square_root"}}),
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
