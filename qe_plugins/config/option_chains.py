"""`data.options` of a configuration: which stored option chains a backtest can trade."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from qe_plugins.units import Duration


class GeneratedChains(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weekly options on generated futures, listed `listed_before` their Friday.

    They are quoted `every` so often, `size` contracts a side, around a surface of `volatility` at
    the money. There are `strikes` on each side of the first price, `strike_step` points apart.
    """

    volatility: Annotated[float, msgspec.Meta(gt=0, le=2)] = 0.18
    listed_before: Annotated[Duration, msgspec.Meta(gt=0)] = 14 * 86_400.0
    every: Annotated[Duration, msgspec.Meta(ge=60)] = 300.0
    strikes: Annotated[int, msgspec.Meta(ge=1, le=200)] = 8
    strike_step: Annotated[int, msgspec.Meta(ge=5)] = 25
    size: Annotated[int, msgspec.Meta(ge=1)] = 20


class OptionChains(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the chains that `qe options import` stored for a root, and their quotes.

    Days are those of the run, `start` and `end` of `data`. The filters keep `symbols`, as
    `ESH20 C3250`; `products`, as `EW2`; options that expire on one of `expiries` (dates in
    Chicago) or `expires_within` so long of the first quote; and strikes from `lowest_strike` to
    `highest_strike`, in points. Without a filter all are kept. `generated` makes options on
    generated futures (`synthetic`) instead of reading the store.
    """

    root: str
    generated: GeneratedChains | None = None
    symbols: list[str] = []
    products: list[str] = []
    expiries: list[date] = []
    expires_within: Annotated[Duration, msgspec.Meta(gt=0)] | None = None
    lowest_strike: Decimal | None = None
    highest_strike: Decimal | None = None
