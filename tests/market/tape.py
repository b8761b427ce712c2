"""Write small Databento files: genuine bytes of definitions, bars and statistics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import zstandard
from databento_dbn import (
    InstrumentClass,
    InstrumentDefMsg,
    Metadata,
    OHLCVMsg,
    Schema,
    SecurityUpdateAction,
    StatMsg,
    StatType,
    SType,
)

NANO = 1_000_000_000
FIRST, LAST = dt.date(2010, 6, 6), dt.date(2030, 1, 1)


def write(
    path: Path, schema: str, records: Iterable[Any], names: Mapping[int, str] | None = None
) -> Path:
    """Write a `.dbn.zst` file; `names` are raw names by instrument id."""
    header = Metadata(
        dataset="GLBX.MDP3",
        start=0,
        stype_in=SType.PARENT,
        stype_out=SType.INSTRUMENT_ID,
        schema=Schema.from_str(schema),
        symbols=["ES.FUT"],
        partial=[],
        not_found=[],
        mappings=mappings(names or {}),
    )
    content = bytes(header.encode()) + b"".join(bytes(record) for record in records)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.compress(content))
    return path


def mappings(names: Mapping[int, str]) -> list[Any]:
    """Return the header's mappings: each id means its raw name for twenty years."""
    return [
        SimpleNamespace(
            raw_symbol=name,
            intervals=[SimpleNamespace(start_date=FIRST, end_date=LAST, symbol=str(id_))],
        )
        for id_, name in names.items()
    ]


def definition(
    raw: str,
    *,
    root: str,
    exchange: str,
    tick: float,
    quantity: float,
    expiry: dt.datetime,
    tick_value: float | None = None,
    display_factor: float = 1,
    kind: InstrumentClass = InstrumentClass.FUTURE,
    main_fraction: int = 255,
    currency: str = "USD",
    id_: int = 1,
) -> InstrumentDefMsg:
    """Return a definition; money in currency, `quantity` is the unit of measure."""
    return InstrumentDefMsg(
        publisher_id=1,
        instrument_id=id_,
        ts_event=nanoseconds(expiry - dt.timedelta(days=90)),
        ts_recv=nanoseconds(expiry - dt.timedelta(days=90)),
        min_price_increment=round(tick * NANO),
        display_factor=round(display_factor * NANO),
        min_price_increment_amount=2**63 - 1 if tick_value is None else round(tick_value * NANO),
        raw_symbol=raw,
        asset=root,
        security_type="FUT",
        instrument_class=kind,
        security_update_action=SecurityUpdateAction.ADD,
        expiration=nanoseconds(expiry),
        activation=nanoseconds(expiry - dt.timedelta(days=400)),
        unit_of_measure_qty=round(quantity * NANO),
        max_trade_vol=3_000,
        min_trade_vol=1,
        main_fraction=main_fraction,
        currency=currency,
        settl_currency="USD",
        group=root,
        exchange=exchange,
        cfi="FFIXSX",
        unit_of_measure="IPNT",
        maturity_year=expiry.year,
        maturity_month=expiry.month,
    )


def bar(id_: int, at: dt.datetime, close: float, volume: int, rtype: int = 33) -> OHLCVMsg:
    """Return a bar that opens at a time; `rtype` 33 is a minute and 35 a day."""
    price = round(close * NANO)
    return OHLCVMsg(
        rtype=rtype,
        publisher_id=1,
        instrument_id=id_,
        ts_event=nanoseconds(at),
        open=price,
        high=price,
        low=price,
        close=price,
        volume=volume,
    )


def open_interest(id_: int, day: dt.date, contracts: int) -> StatMsg:
    """Return the open interest at the end of a day, published in the next morning."""
    at = dt.datetime.combine(day, dt.time(12), dt.UTC) + dt.timedelta(days=1)
    return StatMsg(
        publisher_id=1,
        instrument_id=id_,
        ts_event=nanoseconds(at),
        ts_recv=nanoseconds(at),
        ts_ref=nanoseconds(dt.datetime.combine(day, dt.time(), dt.UTC)),
        price=2**63 - 1,
        quantity=contracts,
        stat_type=StatType.OPEN_INTEREST,
    )


def nanoseconds(at: dt.datetime) -> int:
    """Return UTC nanoseconds of an aware time."""
    return round(at.timestamp()) * NANO
