"""The gate: what every order passes before it leaves a strategy."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order as plain data, as guardians and observers see it.

    `quantity` is contracts; for a modification it is the contracts asked for and `grows` is by how
    many. `stop` is the trigger of the protective stop that comes with it, None where there is none.
    `working` counts the contracts that would be at risk if everything working on its side filled.
    """

    client_order_id: str
    strategy: str
    instrument_id: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    stop: Decimal | None = None
    grows: Decimal | None = None
    position: Decimal = Decimal(0)
    working: Decimal = Decimal(0)
    signal_id: str | None = None
    ts: int = 0
    emulated: bool = False
