"""Builders of the records that hooks receive. They fill in every field that a test leaves out.

Values are converted as in YAML: `quantity=2` and `pnl="-12.50"` become decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from qe_plugins.errors import did_you_mean
from qe_plugins.plugins.types import RENAMED_FIELDS, OrderRequest, Signal, Trade
from qe_plugins.testing.market import CONTRACT, MORNING, Number, nanoseconds


@pytest.fixture
def qe_signal() -> Callable[..., Signal]:
    """Return a function that builds a signal, by default LONG without prices."""
    return _builder(
        Signal,
        instrument_id=CONTRACT,
        side="LONG",
        reason="a test",
        source="test",
        ts_event=nanoseconds(MORNING),
    )


@pytest.fixture
def qe_order() -> Callable[..., OrderRequest]:
    """Return a function that builds an order request, by default to buy 1 contract at market.

    `worst_case_position` is the order's quantity by default. The fields' names of the last release
    (`stop`, `grows`, `working`) are accepted.
    """
    build = _builder(
        OrderRequest,
        client_order_id="O-1",
        strategy="test",
        instrument_id=CONTRACT,
        side="BUY",
        type="MARKET",
        ts=nanoseconds(MORNING),
    )

    def order(quantity: Number = 1, **fields: Any) -> OrderRequest:
        given = {RENAMED_FIELDS.get(name, name): value for name, value in fields.items()}
        return build(**{"quantity": quantity, "worst_case_position": quantity, **given})

    return order


@pytest.fixture
def qe_trade() -> Callable[..., Trade]:
    """Return a function that builds a trade, by default LONG, half an hour, 2 points won."""
    return _builder(
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


def _builder[T: msgspec.Struct](record: type[T], **defaults: Any) -> Callable[..., T]:
    known = record.__struct_fields__

    def build(**fields: Any) -> T:
        for name in fields:
            if name not in known:
                hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
                raise TypeError(f"{record.__name__} has no field '{name}'. {hint}")
        return msgspec.convert({**defaults, **fields}, record)

    return build
