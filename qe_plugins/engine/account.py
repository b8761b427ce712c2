"""The margin that positions tied up as the account went along, in the table's dollars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

import polars as pl

from qe_plugins.engine.books import Fill


def tied_up(
    account: pl.DataFrame, fills: Sequence[Fill], initial: Callable[[str, int], Decimal]
) -> pl.Series:
    """Return, for each row of an account frame, the margin to open what was held by then.

    `initial` tells that of a contract at a moment. The engine's own figure moves with the price.
    """
    held: dict[str, Decimal] = defaultdict(Decimal)
    coming, found = list(reversed(fills)), []
    for ts in account["ts"].cast(pl.Int64):
        while coming and coming[-1].ts <= ts:
            fill = coming.pop()
            held[fill.instrument_id] += fill.quantity
        tied = (abs(net) * initial(one, ts) for one, net in held.items() if net)
        found.append(float(sum(tied)))
    return pl.Series("locked", found, pl.Float64)
