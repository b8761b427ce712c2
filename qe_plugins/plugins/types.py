"""The records that plugins are asked about and answer with. All are frozen."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from qe_plugins.units import Money


class Role(StrEnum):
    """The five desks of the fleet, and the house's own."""

    HUNTER = "HUNTER"
    GUARDIAN = "GUARDIAN"
    ANALYST = "ANALYST"
    ARBITER = "ARBITER"
    SYNTHESIS = "SYNTHESIS"
    HOUSE = "HOUSE"


class Side(StrEnum):
    """What a signal asks the book to be."""

    LONG = "LONG"
    SHORT = "SHORT"
    FLAT = "FLAT"


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A wish for a position in one dated contract.

    `entry`, `stop` and `target` are prices of that contract; `confidence` is 0 to 1. The bridge
    stamps `id`, `source` and `ts_event` (UTC nanoseconds), so a plugin leaves them out.
    """

    instrument_id: str
    side: Side
    reason: str
    confidence: float = 1.0
    entry: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    facts: dict[str, Any] = {}
    id: str = ""
    source: str = ""
    ts_event: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence must be between 0 and 1, was {self.confidence}")

    @property
    def stop_distance(self) -> Decimal | None:
        """Return the points between entry and stop, or None where either is absent."""
        if self.entry is None or self.stop is None:
            return None
        return abs(self.entry - self.stop)

    @property
    def ts_init(self) -> int:
        """Return `ts_event`: what Nautilus asks of custom data."""
        return self.ts_event


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Veto(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refusal of one order, with the reason a trader will read."""

    reason: str


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many contracts to trade. Zero means no order, and the reason says why."""

    contracts: int
    reason: str

    def __post_init__(self) -> None:
        if self.contracts < 0:
            raise ValueError(f"contracts must not be negative, was {self.contracts}")


class Posture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the guardians allow until `valid_until` (UTC nanoseconds; None means the whole run).

    An expired posture allows no new risk.
    """

    reason: str
    halt: bool = False
    max_contracts: int | None = None
    valid_until: int | None = None
    source: str = ""

    def refuses(self, now: int) -> str | None:
        """Return why no new risk may be taken at `now` (UTC nanoseconds), or None."""
        if self.halt:
            return f"posture is halt: {self.reason}"
        if self.valid_until is not None and now >= self.valid_until:
            return f"posture expired: {self.reason}"
        return None


class Rung(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of the validation ladder: what one strategy may hold, and risk on one trade.

    `root` is what it trades, by default the root in a name such as `1 MES`, None for any;
    `max_contracts` is the most that it holds and works, `risk` the loss at the stop of one trade.
    With `enforced` false no order is refused for it, and only sizes go by it.
    """

    name: str = ""
    root: str | None = None
    risk: Money = Decimal("50")
    currency: str = "USD"
    max_contracts: int = 1
    enforced: bool = True

    def __post_init__(self) -> None:
        for name in ("risk", "max_contracts"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} must not be negative, was {value}")
        named = re.fullmatch(r"\d+ ([A-Z0-9]+)", self.name)
        if named and self.root not in (None, named[1]):
            raise ValueError(f"root must be {named[1]} as in the name, was {self.root}")
        if named:
            msgspec.structs.force_setattr(self, "root", named[1])

    @property
    def title(self) -> str:
        """Return how to speak of it: `rung 1 MES`."""
        return f"rung {self.name}" if self.name else "the rung"


SMALLEST = Rung(name="1 MES", enforced=False)
"""What sizes go by where no rung is configured: one MES, 50 USD at its stop."""


class Excursion(msgspec.Struct, frozen=True, gc=False):
    """The best and the worst of an open trade, in account currency, from the bars it lived in."""

    favorable: Decimal
    adverse: Decimal


class Trade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A closed position, as plain data, so that it may cross threads.

    Prices are in points; `pnl` is realized, net of `commissions`, in `currency`; times are UTC
    nanoseconds. `slippage` is points paid against the reference price of each fill, positive is
    worse. `votes` are the signals that led to the entry, oldest first.
    """

    id: str
    instrument_id: str
    strategy: str
    side: Side
    quantity: Decimal
    entry: Decimal
    exit: Decimal
    opened: int
    closed: int
    pnl: Decimal
    commissions: Decimal
    currency: str
    orders: tuple[str, ...] = ()
    excursion: Excursion | None = None
    slippage: Decimal | None = None
    votes: tuple[Signal, ...] = ()


class Rolled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position moved from one contract to the next, as a strategy on a root hears of it.

    `prices` are what both contracts cost in the same minute, in points: old, new. `flat` says that
    the position was closed and not opened again. `fact` is its id in the journal.
    """

    fact: str
    root: str
    before: str
    after: str
    at: int
    reason: str
    prices: tuple[Decimal, Decimal] | None = None
    flat: bool = False


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an analyst says of a closed trade; `facts` are figures a later program can use."""

    trade_id: str
    summary: str
    facts: dict[str, Any] = {}


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change somebody proposes; a person decides."""

    title: str
    reason: str
    change: dict[str, Any] = {}
