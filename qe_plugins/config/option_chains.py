"""`data.options` of a configuration: which stored option chains a backtest can trade."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from qe_plugins.units import Duration


class OptionChains(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the chains that `qe options import` stored for a root, and their quotes.

    Days are those of the run, `start` and `end` of `data`. The filters keep `symbols`, as
    `ESH20 C3250`; `products`, as `EW2`; options that expire on one of `expiries` (dates in
    Chicago) or `expires_within` so long of the first quote; and strikes from `lowest_strike` to
    `highest_strike`, in points. Without a filter all are kept.
    """

    root: str
    symbols: list[str] = []
    products: list[str] = []
    expiries: list[date] = []
    expires_within: Annotated[Duration, msgspec.Meta(gt=0)] | None = None
    lowest_strike: Decimal | None = None
    highest_strike: Decimal | None = None
