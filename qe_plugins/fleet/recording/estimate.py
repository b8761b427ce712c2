"""The price of a recording before its first call."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.scan.estimate import plan
from qe_plugins.fleet.settings import Fleet


class RecordingPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The estimate: USD for each decision point and for all of them, now and at peak hours.

    The rules of the provider `offline` cost nothing; `models` is what the named models would cost.
    """

    points: int
    calls: int
    each: Decimal
    now: Decimal
    peak: Decimal
    models: Decimal


def price_of(fleet: Fleet, points: int, at: datetime | None = None) -> RecordingPrice:
    """Return the price of a scan at each of `points` decision points, no answer reused."""
    found = plan(fleet, at)
    paid = fleet.provider == "models"
    return RecordingPrice(
        points=points,
        calls=points * found.calls,
        each=found.now if paid else Decimal(0),
        now=points * found.now if paid else Decimal(0),
        peak=points * found.peak if paid else Decimal(0),
        models=points * found.now,
    )


def refuse_dear(price: RecordingPrice, most: Decimal | None, spent: Decimal) -> None:
    """Raise FleetError where a recording costs more than `most` USD, what it `spent` included."""
    if most is None or price.now + spent <= most:
        return
    before = f" and ${spent:,.2f} were spent before" if spent else ""
    raise FleetError(
        f"{price.points:,} decision points x ${price.each:,} = ${price.now:,.2f}"
        f" (${price.peak:,.2f} at peak hours){before}, more than --max-cost {most:,}.",
        where="recording",
        hint="Take fewer decision points or workers, or a higher --max-cost.",
    )
