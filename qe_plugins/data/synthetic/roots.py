"""Contract terms, price level and volume of each root that can be generated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Literal
from zlib import crc32

import msgspec
import numpy as np

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.contract_months import ContractMonth, months, nanoseconds
from qe_plugins.errors import DataError
from qe_plugins.market.expiry import first_notice, last_trade, listed

SP500 = "S&P 500"


class RootProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One root. `tick` is in points, `multiplier` in USD a point, `volume` contracts a minute.

    `price` is the first price if the settings have none, `wild` a multiple of the settings'
    volatility. `stops` is when trading ends on its last day, Chicago time.
    """

    underlying: str
    venue: str
    asset: Literal["INDEX", "COMMODITY", "DEBT"]
    tick: Decimal
    multiplier: int
    volume: int
    price: Decimal
    wild: float = 1.0
    stops: time = time(8, 30)

    @property
    def precision(self) -> int:
        """Return the decimals of a price."""
        exponent = self.tick.as_tuple().exponent
        assert isinstance(exponent, int)
        return -exponent

    @property
    def unit(self) -> int:
        """Return a tick as a whole number of the last decimal."""
        return int(self.tick.scaleb(self.precision))


def _index_profile(underlying: str, multiplier: int, volume: int, price: int) -> RootProfile:
    return RootProfile(
        underlying=underlying,
        venue="XCME",
        asset="INDEX",
        tick=Decimal("0.25"),
        multiplier=multiplier,
        volume=volume,
        price=Decimal(price),
    )


SPECS = {
    "ES": _index_profile(SP500, 50, 900, 4_750),
    "MES": _index_profile(SP500, 5, 600, 4_750),
    "NQ": _index_profile("Nasdaq-100", 20, 350, 16_800),
    "CL": RootProfile(
        underlying="crude oil",
        venue="XNYM",
        asset="COMMODITY",
        tick=Decimal("0.01"),
        multiplier=1_000,
        volume=300,
        price=Decimal(72),
        wild=2.2,
        stops=time(13, 30),
    ),
    "GC": RootProfile(
        underlying="gold",
        venue="XCEC",
        asset="COMMODITY",
        tick=Decimal("0.10"),
        multiplier=100,
        volume=200,
        price=Decimal(2_050),
        stops=time(12, 30),
    ),
    "ZN": RootProfile(
        underlying="ten-year note",
        venue="XCBT",
        asset="DEBT",
        tick=Decimal("0.015625"),
        multiplier=1_000,
        volume=1_200,
        price=Decimal(111),
        wild=0.4,
        stops=time(12, 1),
    ),
}


def by_underlying(roots: Sequence[str]) -> dict[str, list[str]]:
    """Return roots by underlying, in the order given; roots of one underlying share a price."""
    found: dict[str, list[str]] = {}
    for root in roots:
        found.setdefault(SPECS[root].underlying, []).append(root)
    return found


def check_through_zero(settings: SyntheticSettings, roots: Sequence[str], place: str) -> None:
    """Raise DataError where `through_zero` names a root that is an index or not in `roots`."""
    known = [one for one in roots if SPECS[one].asset != "INDEX"]
    for root in settings.through_zero:
        if root not in known:
            hint = f"Name one of {', '.join(known)}." if known else "An index stays above zero."
            raise DataError(f"the price of {root} cannot go through zero.", where=place, hint=hint)


def price_of(settings: SyntheticSettings, root: str) -> Decimal:
    """Return the first price of a root, in points."""
    return SPECS[root].price if settings.open_price is None else settings.open_price


def seed_of(seed: int, underlying: str) -> int:
    """Return the random seed of an underlying's path: each has its own."""
    if underlying == SP500:
        return seed
    return int(np.random.SeedSequence([seed, crc32(underlying.encode())]).generate_state(1)[0])


def months_of(root: str, first: date, count: int) -> list[ContractMonth]:
    """Return the next `count` contract months of a root that may be held after a day."""
    if SPECS[root].asset == "INDEX":
        return months(root, first, count)
    found = []
    for key in listed(root, first):
        notice = first_notice(key)
        last = last_trade(key)
        stops = SPECS[root].stops
        leaves = min(last, notice) if notice else last
        found.append(ContractMonth(key, nanoseconds(last, stops), nanoseconds(leaves, stops)))
        if len(found) == count:
            break
    return found
