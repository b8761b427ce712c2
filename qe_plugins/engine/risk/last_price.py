"""The last known price of a contract, whatever data it has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model import AggregationSource, PriceType

from qe_plugins.engine.contracts.instruments import decimal


def last_price(cache: Any, contract: Any) -> Decimal | None:
    """Return a contract's newest close, else its last trade or the middle of its quote."""
    kinds = cache.bar_types(AggregationSource.EXTERNAL, contract, PriceType.LAST)
    bars = [cache.bar(kind) for kind in kinds]
    newest = max(filter(None, bars), key=lambda bar: bar.ts_init, default=None)
    if newest is not None:
        return decimal(newest.close)
    for kind in (PriceType.LAST, PriceType.MID):
        if (price := cache.price(contract, kind)) is not None:
            return decimal(price)
    return None
