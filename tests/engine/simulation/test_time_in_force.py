"""Day orders and orders good till a time: they end before anything that trades later."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nautilus_trader.model import TimeInForce

from tests.engine.simulation.desk import Seen, Table, limit, market, stop

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

DOWN = (4750, 4750, 4740, 4741)
DAY = {"time_in_force": TimeInForce.DAY}
EVENING = [418, 419, 420, 481]

TABLES = [
    Table(
        "a day order fills in the session's last bar",
        [FLAT, FLAT, DOWN, FLAT],
        {1: [limit("buy", 4745, tif="DAY")]},
        [(3, "BUY", 4745.0)],
        at=EVENING,
    ),
    Table(
        "a day order does not fill in the next session",
        [FLAT, FLAT, FLAT, DOWN],
        {1: [limit("buy", 4745, tif="DAY")]},
        [],
        ["EXPIRED"],
        at=EVENING,
    ),
    Table(
        "a day stop does not protect in the next session",
        [FLAT, FLAT, FLAT, DOWN],
        {1: [market("buy"), stop("sell", 4745, **DAY)]},
        [(1, "BUY", 4750.25)],
        ["FILLED", "EXPIRED"],
        at=EVENING,
    ),
    Table(
        "a day order that is sent in the break is good for the session after it",
        [FLAT, FLAT, FLAT, DOWN],
        {3: [limit("buy", 4745, tif="DAY")]},
        [(4, "BUY", 4745.0)],
        at=EVENING,
    ),
    Table(
        "an order good till a time fills in the bar that closes then",
        [FLAT, FLAT, DOWN],
        {1: [limit("buy", 4745, until=2)]},
        [(3, "BUY", 4745.0)],
    ),
    Table(
        "an order good till a time does not fill in a bar that closes later",
        [FLAT, FLAT, DOWN],
        {1: [limit("buy", 4745, until=1)]},
        [],
        ["EXPIRED"],
    ),
    Table(
        "nor after bars that stood still",
        [FLAT, FLAT, FLAT, FLAT, DOWN],
        {1: [limit("buy", 4745, until=2)]},
        [],
        ["EXPIRED"],
    ),
]

GROUPS = [(TABLES, {})]


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
