"""The records that plugins are asked about, with every field filled in that a test leaves out.

Values are converted as in YAML: `quantity=2` and `pnl="-12.50"` become decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from qe_plugins.errors import did_you_mean
from qe_plugins.plugins.types import OrderRequest, Signal, Trade
from qe_plugins.testing.market import CONTRACT, MORNING, Number, nanoseconds


@pytest.fixture
def qe_signal() -> Callable[..., Signal]:
    """Return a function that makes a signal; without arguments, a plain wish to be long."""
    return _maker(
        Signal,
        instrument_id=CONTRACT,
        side="LONG",
        reason="a test",
        source="test",
        ts_event=nanoseconds(MORNING),
    )


@pytest.fixture
def qe_order() -> Callable[..., OrderRequest]:
    """Return a function that makes an order; without arguments, one contract bought at market.

    What it would hold, `working`, is its own quantity unless told otherwise.
    """
    make = _maker(
        OrderRequest,
        client_order_id="O-1",
        strategy="test",
        instrument_id=CONTRACT,
        side="BUY",
        type="MARKET",
        ts=nanoseconds(MORNING),
    )

    def order(quantity: Number = 1, **fields: Any) -> OrderRequest:
        return make(**{"quantity": quantity, "working": quantity, **fields})

    return order


@pytest.fixture
def qe_trade() -> Callable[..., Trade]:
    """Return a function that makes a trade; without arguments, one long of half an hour that won
    two points."""
    return _maker(
        Trade,
        id="T-1",
        instrument_id=CONTRACT,
        strategy="test",
        side="LONG",
        quantity=1,
        entry="4750.00",
        exit="4752.00",
        opened=nanoseconds("2024-01-03 15:00"),
        closed=nanoseconds("2024-01-03 15:30"),
        pnl="8.76",
        commissions="1.24",
        currency="USD",
    )


def _maker[T: msgspec.Struct](record: type[T], **defaults: Any) -> Callable[..., T]:
    known = record.__struct_fields__

    def make(**fields: Any) -> T:
        for name in fields:
            if name not in known:
                hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
                raise TypeError(f"{record.__name__} has no field '{name}'. {hint}")
        return msgspec.convert({**defaults, **fields}, record)

    return make
