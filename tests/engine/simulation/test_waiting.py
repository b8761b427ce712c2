"""Orders that wait: for a closed market, for a fresh price, for the next open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.simulation.desk import (
    Seen,
    Table,
    bracket,
    close_all,
    later,
    limit,
    limit_touched,
    market,
    stop,
    stop_limit,
    touched,
)

Played = Callable[..., Seen]

FLAT = (4750, 4750, 4750, 4750)

EVENING = [418, 419, 420, 481, 482]
"""Two minutes before the break of 22:00 UTC, the last bar before it, and two minutes after it."""

UP = [FLAT, FLAT, FLAT, (4700, 4703, 4699, 4702), (4702, 4704, 4701, 4703)]

CLOSED = [
    Table(
        "a market order at the close fills at the first price after the break",
        UP,
        {3: [market("buy")]},
        [(4, "BUY", 4700.25)],
        at=EVENING,
    ),
    Table(
        "one from a timer in the break is refused, as it was not decided on a bar that traded",
        UP,
        {3: [later(600, market("sell"))]},
        [],
        ["DENIED"],
        at=EVENING,
    ),
    Table(
        "a market order a minute before the close fills at once",
        UP,
        {2: [market("buy")]},
        [(2, "BUY", 4750.25)],
        at=EVENING,
    ),
    Table(
        "a limit order through the market rests and fills at its limit",
        UP,
        {3: [limit("buy", 4755)]},
        [(4, "BUY", 4755.0)],
        at=EVENING,
    ),
    Table(
        "a stop on the wrong side takes the first price after the break",
        UP,
        {3: [stop("sell", 4760)]},
        [(4, "SELL", 4699.75)],
        at=EVENING,
    ),
    Table(
        "a stop that the first price does not reach any more waits on",
        [FLAT, FLAT, FLAT, (4700, 4703, 4699, 4702), (4702, 4712, 4701, 4703)],
        {3: [stop("buy", 4710)]},
        [(5, "BUY", 4710.25)],
        at=EVENING,
    ),
    Table(
        "a stop-limit on the wrong side takes the first price after the break",
        UP,
        {3: [stop_limit("sell", 4760, 4690)]},
        [(4, "SELL", 4699.75)],
        at=EVENING,
    ),
    Table(
        "an order that is touched already takes the first price after the break",
        UP,
        {3: [touched("buy", 4760)]},
        [(4, "BUY", 4700.25)],
        at=EVENING,
    ),
    Table(
        "so does a limit-if-touched order",
        UP,
        {3: [limit_touched("buy", 4760, 4765)]},
        [(4, "BUY", 4700.25)],
        at=EVENING,
    ),
    Table(
        "an immediate order meets the first price after the break",
        UP,
        {3: [limit("buy", 4755, tif="IOC")]},
        [(4, "BUY", 4700.25)],
        at=EVENING,
    ),
    Table(
        "an immediate order that the first price does not meet is cancelled",
        UP,
        {3: [limit("sell", 4740, tif="IOC")]},
        [],
        ["CANCELED"],
        at=EVENING,
    ),
    Table(
        "a bracket at the close enters at the first price, and its exits work in that bar",
        [FLAT, FLAT, FLAT, (4750, 4752, 4739, 4741), FLAT],
        {3: [bracket("buy", 4740, 4760)]},
        [(4, "BUY", 4750.25), (4, "SELL", 4739.75)],
        at=EVENING,
    ),
    Table(
        "what is held is closed at the first price after the break, by any method",
        UP,
        {1: [market("buy")], 3: [close_all()]},
        [(1, "BUY", 4750.25), (4, "SELL", 4699.75)],
        at=EVENING,
    ),
]

HOLE = [0, 1, 90, 91]

STALE = [
    Table(
        "a market order at a stale price waits for the next bar, and fills at its open",
        [FLAT, FLAT, (4600, 4602, 4599, 4601), FLAT],
        {2: [later(1_800, market("sell"))]},
        [(3, "SELL", 4599.75)],
        at=HOLE,
    ),
    Table(
        "a price of four minutes is fresh",
        [FLAT, FLAT, (4600, 4602, 4599, 4601), FLAT],
        {2: [later(240, market("sell"))]},
        [(None, "SELL", 4749.75)],
        at=HOLE,
    ),
    Table(
        "an order sent inside the next bar fills at that bar's close, not at its open",
        [FLAT, FLAT, (4600, 4602, 4599, 4601), FLAT],
        {2: [later(88.5 * 60, market("sell"))]},
        [(3, "SELL", 4600.75)],
        at=HOLE,
    ),
    Table(
        "a bracket whose entry waits is covered in the bar that it enters",
        [FLAT, FLAT, (4600, 4602, 4589, 4601), FLAT],
        {2: [later(1_800, bracket("buy", 4590, 4700))]},
        [(3, "BUY", 4600.25), (3, "SELL", 4589.75)],
        at=HOLE,
    ),
]

SHORT = [
    Table(
        "how old a price may be is a setting",
        [FLAT, FLAT, (4600, 4602, 4599, 4601), FLAT],
        {2: [later(240, market("sell"))]},
        [(3, "SELL", 4599.75)],
        at=HOLE,
    ),
]

NEXT = [
    Table(
        "at the next open a market order fills at the open of the next bar",
        [FLAT, (4752, 4755, 4751, 4754), FLAT],
        {1: [market("buy")]},
        [(2, "BUY", 4752.25)],
    ),
    Table(
        "at the next open a bracket's exits work in the bar that it enters",
        [FLAT, (4752, 4762, 4751, 4754), FLAT],
        {1: [bracket("buy", 4740, 4760)]},
        [(2, "BUY", 4752.25), (2, "SELL", 4760.0)],
    ),
    Table(
        "at the next open a limit order through the market takes that open",
        [FLAT, (4752, 4755, 4751, 4754), FLAT],
        {1: [limit("buy", 4756)]},
        [(2, "BUY", 4752.25)],
    ),
    Table(
        "at the next open an order on the last bar does not fill",
        [FLAT, FLAT],
        {2: [market("buy")]},
        [],
    ),
]

LATE = {
    "venue": {
        "latency_model": {"type": "StaticLatencyModel", "args": {"base_latency_nanos": 500_000_000}}
    }
}

LATENCY = [
    Table(
        "with half a second of latency a market order fills at the next bar's open",
        [FLAT, (4752, 4755, 4751, 4754), FLAT],
        {1: [market("buy")]},
        [(2, "BUY", 4752.25)],
    ),
]

GROUPS = [
    (CLOSED, {}),
    (STALE, {}),
    (SHORT, {"fills": {"stale_after": "3m"}}),
    (NEXT, {"fills": {"market": "next_open"}}),
    (LATENCY, LATE),
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
