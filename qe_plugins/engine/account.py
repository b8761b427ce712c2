"""The account fill by fill: its balance and the margin that positions tied up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import polars as pl

from qe_plugins.engine.balance import Earnings
from qe_plugins.engine.books import Fill
from qe_plugins.engine.frames import ACCOUNT, framed


def account_frame(
    fills: Sequence[Fill],
    multipliers: Mapping[str, Decimal],
    initial: Callable[[str, int], Decimal],
    *,
    start: int,
    starting: Decimal,
    currency: str,
) -> pl.DataFrame:
    """Return ts, balance, locked and currency: at `start` (UTC ns) and after every fill.

    `locked` is the initial margin of what is held by then: `initial` returns that of one contract
    at a moment, in `currency`.
    """
    earnings, net = Earnings(), defaultdict[str, Decimal](Decimal)
    rows: list[tuple[int, float, float, str]] = [(start, float(starting), 0.0, currency)]
    for fill in fills:
        contract = fill.instrument_id
        key = (fill.strategy, contract)
        earnings.take(key, multipliers[contract], fill.quantity, fill.price, fill.commission)
        net[contract] += fill.quantity
        tied = sum(abs(size) * initial(one, fill.ts) for one, size in net.items() if size)
        rows.append((fill.ts, float(starting + earnings.realised()), float(tied), currency))
    return framed(rows, ACCOUNT)
