"""Small data for the fake vendor: quarterly contracts with bars, definitions, statistics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from databento_dbn import (
    InstrumentClass,
    InstrumentDefMsg,
    OHLCVMsg,
    SecurityUpdateAction,
    StatMsg,
    StatType,
)

from tests.fakes.databento_server.archive import Archive, Listing, nanoseconds

MINUTE = 60_000_000_000
TICK = 250_000_000
NANO = 1_000_000_000


class Fields(NamedTuple):
    """A root's fields in real definitions, in units of 1e-9 but for the fraction."""

    exchange: str
    increment: int
    amount: int
    display: int
    unit: int
    fraction: int = 255


FIELDS = {
    "ES": Fields("XCME", TICK, 125_000_000, 10_000_000, 50 * NANO),
    "MES": Fields("XCME", TICK, 12_500_000, 10_000_000, 5 * NANO),
    "NQ": Fields("XCME", TICK, 50_000_000, 10_000_000, 20 * NANO),
    "GC": Fields("XCEC", 100_000_000, NANO, 100_000_000, 100 * NANO),
    "CL": Fields("XNYM", 10_000_000, 100_000_000, 10_000_000, 1_000 * NANO),
    "ZN": Fields("XCBT", 15_625_000, 1_000_000, NANO, 100_000 * NANO, 32),
}
MONTHS = {3: "H", 6: "M", 9: "U", 12: "Z"}
DTYPES = {
    "ohlcv-1m": np.dtype(OHLCVMsg._dtypes),
    "definition": np.dtype(InstrumentDefMsg._dtypes),
    "statistics": np.dtype(StatMsg._dtypes),
}


def quarterly(root: str, year: int, month: int, id_: int) -> Listing:
    """Return the listing of a quarterly contract: fifteen months long, until its third Friday."""
    first = dt.date(year, month, 1)
    expiry = first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14)
    return Listing(
        id=id_,
        raw_symbol=f"{root}{MONTHS[month]}{year % 10}",
        root=root,
        outright=True,
        first=expiry - dt.timedelta(days=456),
        until=expiry + dt.timedelta(days=1),
    )


def spread(near: Listing, far: Listing, id_: int) -> Listing:
    """Return the calendar spread of two contracts."""
    return Listing(
        id=id_,
        raw_symbol=f"{near.raw_symbol}-{far.raw_symbol}",
        root=near.root,
        outright=False,
        first=far.first,
        until=near.until,
    )


def december(root: str = "ES", first_id: int = 1000) -> list[Listing]:
    """Return the listings around the roll of December 2013: three contracts and a spread."""
    z3 = quarterly(root, 2013, 12, first_id)
    h4 = quarterly(root, 2014, 3, first_id + 7)
    m4 = quarterly(root, 2014, 6, first_id + 14)
    return [z3, h4, m4, spread(z3, h4, first_id + 99)]


def make_archive(listings: Iterable[Listing], days: Iterable[dt.date], every: int = 15) -> Archive:
    """Return an archive with a bar every `every` minutes of each weekday of `days`."""
    listings = list(listings)
    schemas: dict[str, list[bytes]] = {schema: [] for schema in DTYPES}
    for day in days:
        listed = [one for one in listings if one.first <= day < one.until]
        if day.weekday() < 5:
            schemas["definition"] += [definition(one, day) for one in listed]
            schemas["statistics"] += [_settlement(one, day) for one in listed if one.outright]
            schemas["ohlcv-1m"] += _bars(listed, day, every)
    return Archive(
        dataset="GLBX.MDP3",
        listings=listings,
        records={
            schema: np.frombuffer(b"".join(rows), dtype=DTYPES[schema])
            for schema, rows in schemas.items()
        },
    )


def weekdays(first: dt.date, until: dt.date) -> list[dt.date]:
    """Return the days from `first` until `until`, weekends left out."""
    days = (first + dt.timedelta(days=n) for n in range((until - first).days))
    return [day for day in days if day.weekday() < 5]


def _bars(listed: list[Listing], day: dt.date, every: int) -> list[bytes]:
    midnight = nanoseconds(day)
    return [
        bytes(_bar(listing, midnight + minute * MINUTE, day))
        for minute in range(0, 22 * 60, every)
        for listing in listed
    ]


def _bar(listing: Listing, ts: int, day: dt.date) -> OHLCVMsg:
    step = (ts // MINUTE * 7 + listing.id) % 40
    tick = fields_of(listing).increment
    open_ = (7000 + step) * tick if listing.outright else -20 * tick
    to_expiry = (listing.until - day).days
    near = to_expiry > 8  # a week before expiry the crowd has left
    return OHLCVMsg(
        rtype=33,
        publisher_id=1,
        instrument_id=listing.id,
        ts_event=ts,
        open=open_,
        high=open_ + 3 * tick,
        low=open_ - 2 * tick,
        close=open_ + tick,
        volume=(1_000_000 // to_expiry if near else 5) if listing.outright else 1,
    )


def fields_of(listing: Listing) -> Fields:
    """Return the fields of a listing's root; those of ES for one that is not known."""
    return FIELDS.get(listing.root, FIELDS["ES"])


def definition(listing: Listing, day: dt.date) -> bytes:
    """Return the definition of a contract or spread as sent on a day."""
    fields = fields_of(listing)
    return bytes(
        InstrumentDefMsg(
            publisher_id=1,
            instrument_id=listing.id,
            ts_event=nanoseconds(day),
            ts_recv=nanoseconds(day),
            min_price_increment=fields.increment,
            display_factor=fields.display,
            raw_symbol=listing.raw_symbol,
            asset=listing.root,
            security_type="FUT",
            instrument_class=(
                InstrumentClass.FUTURE if listing.outright else InstrumentClass.FUTURE_SPREAD
            ),
            security_update_action=SecurityUpdateAction.ADD,
            expiration=nanoseconds(listing.until) - 34_200_000_000_000,
            activation=nanoseconds(listing.first),
            unit_of_measure_qty=fields.unit,
            main_fraction=fields.fraction,
            max_trade_vol=3_000,
            min_trade_vol=1,
            min_price_increment_amount=fields.amount,
            currency="USD",
            settl_currency="USD",
            group=listing.root,
            exchange=fields.exchange,
            cfi="FFIXSX",
            unit_of_measure="IPNT",
            maturity_year=listing.until.year,
            maturity_month=listing.until.month,
        )
    )


def _settlement(listing: Listing, day: dt.date) -> bytes:
    ts = nanoseconds(day) + 22 * 60 * MINUTE
    return bytes(
        StatMsg(
            publisher_id=1,
            instrument_id=listing.id,
            ts_event=ts,
            ts_recv=ts,
            ts_ref=nanoseconds(day),
            price=7000 * TICK,
            quantity=2**63 - 1,
            stat_type=StatType.SETTLEMENT_PRICE,
        )
    )
