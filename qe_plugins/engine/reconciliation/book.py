"""Our own book as plain data: orders and net positions, as the engine's cache has them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from qe_plugins.ib_client.records import Side

ZERO = Decimal(0)


class BookState(StrEnum):
    """Where an order is by our book.

    IN_FLIGHT was sent and not acknowledged; WORKING is at the broker; ENDED is filled, cancelled,
    expired or rejected.
    """

    IN_FLIGHT = "in flight"
    WORKING = "working"
    ENDED = "ended"


class BookOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of our book.

    `ref` is the client order id, which is the broker's order reference; `contract` is the broker's
    local symbol such as `MESZ6`. `trigger` and `limit` are prices in points, None without. `since`
    is the time of the last change, UTC nanoseconds. `parent` is the ref of a bracket's entry, and
    `is_exit` says that the order only ever closes a position.
    """

    ref: str
    contract: str
    side: Side
    quantity: Decimal
    state: BookState
    filled: Decimal = ZERO
    trigger: Decimal | None = None
    limit: Decimal | None = None
    owner: str = ""
    parent: str = ""
    is_exit: bool = False
    since: int = 0
    rejected: bool = False

    @property
    def remaining(self) -> Decimal:
        return max(self.quantity - self.filled, ZERO)

    @property
    def is_stop(self) -> bool:
        return self.trigger is not None


class OwnBook(msgspec.Struct, frozen=True, kw_only=True):
    """Our book at one moment: orders by ref, signed contracts by local symbol, fills by id.

    `executions` are the broker's execution ids that are booked. A synthetic fill has none.
    """

    at: int
    orders: dict[str, BookOrder] = {}
    nets: dict[str, Decimal] = {}
    executions: frozenset[str] = frozenset()

    def net(self, contract: str) -> Decimal:
        """Return the signed contracts held, 0 where flat."""
        return self.nets.get(contract, ZERO)
