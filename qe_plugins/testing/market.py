"""A contract and its bars, as objects of Nautilus, which is imported when a fixture is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nautilus_trader.model import Bar, FuturesContract

CONTRACT = "MESH24.XCME"
MORNING = "2024-01-03 15:00"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

type Number = int | float | str | Decimal


def micro_future(instrument_id: str, since: int, until: int) -> FuturesContract:
    """Return a micro S&P future of a March that trades from `since` to `until` (UTC ns)."""
    from nautilus_trader.model import (
        AssetClass,
        Currency,
        FuturesContract,
        InstrumentId,
        Price,
        Quantity,
        Symbol,
    )

    return FuturesContract(
        instrument_id=InstrumentId.from_str(instrument_id),
        raw_symbol=Symbol("MESH4"),
        asset_class=AssetClass.INDEX,
        underlying="MES",
        activation_ns=since,
        expiration_ns=until,
        currency=Currency.from_str("USD"),
        price_precision=2,
        price_increment=Price.from_str("0.25"),
        multiplier=Quantity.from_int(5),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


@pytest.fixture(scope="session")
def qe_contract() -> FuturesContract:
    """Return the Micro E-mini S&P 500 of March 2024: ticks of 0.25, 5 USD a point."""
    return micro_future(CONTRACT, nanoseconds("2022-12-16 14:30"), nanoseconds("2024-03-15 13:30"))


@pytest.fixture
def qe_bar(qe_contract: FuturesContract) -> Callable[..., Bar]:
    """Return a function that builds a one-minute bar of `qe_contract`.

    `qe_bar(close, open=, high=, low=, volume=, at=)`: by default the bar opens at its close, and
    high and low are the higher and the lower of the two; `at` is its closing time in UTC.
    """
    from nautilus_trader.model import Bar, BarType, Price, Quantity

    bar_type = BarType.from_str(f"{qe_contract.id}-1-MINUTE-LAST-EXTERNAL")

    def price(value: Number) -> Price:
        return Price.from_decimal_dp(decimal(value), qe_contract.price_precision)

    def bar(
        close: Number = 4750,
        *,
        open: Number | None = None,  # noqa: A002 - as Nautilus names it
        high: Number | None = None,
        low: Number | None = None,
        volume: int = 100,
        at: str = MORNING,
    ) -> Bar:
        last = decimal(close)
        first = last if open is None else decimal(open)
        return Bar(
            bar_type,
            open=price(first),
            high=price(max(first, last) if high is None else high),
            low=price(min(first, last) if low is None else low),
            close=price(last),
            volume=Quantity.from_int(volume),
            ts_event=nanoseconds(at),
            ts_init=nanoseconds(at),
        )

    return bar


def decimal(value: Number) -> Decimal:
    """Return a number as the decimal that is written: 4750.1 is 4750.1, without a float's error."""
    return Decimal(str(value))


def nanoseconds(at: str) -> int:
    """Return UTC nanoseconds of an ISO time, which is in UTC where it names no zone."""
    moment = datetime.fromisoformat(at)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND * 1_000
