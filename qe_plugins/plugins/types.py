"""The records that hooks take as arguments and return as answers. All are frozen."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from warnings import deprecated

import msgspec

from qe_plugins.units import Money

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from qe_plugins.bars import Bars


class Role(StrEnum):
    """The five roles of the fleet; SYSTEM is a plugin that belongs to none of them."""

    HUNTER = "HUNTER"
    GUARDIAN = "GUARDIAN"
    ANALYST = "ANALYST"
    ARBITER = "ARBITER"
    SYNTHESIS = "SYNTHESIS"
    SYSTEM = "SYSTEM"


class Side(StrEnum):
    """The direction of a proposed position."""

    LONG = "LONG"
    SHORT = "SHORT"
    FLAT = "FLAT"


OF_ORDERS = {"BUY": Side.LONG, "SELL": Side.SHORT}
"""The direction of a position that an order of a side opens or increases."""


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A proposed position in one dated contract.

    `entry`, `stop` and `target` are prices of that contract; `confidence` is 0 to 1. The engine
    sets `id`, `source` and `ts_event` (UTC nanoseconds), so a plugin leaves them out. `horizon` is
    in seconds how long the position is meant to be held; at and after `expires` (UTC nanoseconds)
    the proposal counts no more.
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
    horizon: float | None = None
    expires: int | None = None

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
        """Return `ts_event`, which Nautilus requires of custom data."""
        return self.ts_event


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as plain data, for guardians and observers.

    `quantity` is contracts. For a modification it is the new quantity that is open, and
    `increase_by` is how much of it is new. `stop_trigger` is the price of the protective stop that
    is submitted with the order, None without one. `position` is the signed contracts held.
    `worst_case_position` is the contracts held, without sign, if every working order on the
    order's side filled. `ts` is UTC nanoseconds.
    """

    client_order_id: str
    strategy: str
    instrument_id: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    stop_trigger: Decimal | None = None
    increase_by: Decimal | None = None
    position: Decimal = Decimal(0)
    worst_case_position: Decimal = Decimal(0)
    signal_id: str | None = None
    ts: int = 0
    emulated: bool = False

    @property
    @deprecated("use `stop_trigger`; `stop` is removed in the next release")
    def stop(self) -> Decimal | None:
        """Return `stop_trigger`. Deprecated: removed in the next release."""
        return self.stop_trigger

    @property
    @deprecated("use `increase_by`; `grows` is removed in the next release")
    def grows(self) -> Decimal | None:
        """Return `increase_by`. Deprecated: removed in the next release."""
        return self.increase_by

    @property
    @deprecated("use `worst_case_position`; `working` is removed in the next release")
    def working(self) -> Decimal:
        """Return `worst_case_position`. Deprecated: removed in the next release."""
        return self.worst_case_position


RENAMED_FIELDS = {
    "stop": "stop_trigger",
    "grows": "increase_by",
    "working": "worst_case_position",
}
"""Fields of `OrderRequest` under their names of the last release."""


class Veto(msgspec.Struct, frozen=True, omit_defaults=True):
    """A guardian's veto of one order. `reason` is shown to the trader."""

    reason: str


class Panel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a plugin adds to a page of the Observatory: data, which is shown as text, never as HTML.

    Give one of them: `rows` under `columns`, `figures` by name, or `markdown`, of which paragraphs
    and lists are shown.
    """

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    figures: dict[str, str] = {}
    markdown: str = ""


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """The number of contracts to trade. Zero means no order; `reason` says why."""

    contracts: int
    reason: str

    def __post_init__(self) -> None:
        if self.contracts < 0:
            raise ValueError(f"contracts must not be negative, was {self.contracts}")


class Posture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The risk limits in force until `valid_until` (UTC nanoseconds; None means the whole run).

    With `halt`, or once it has expired, a posture allows no new risk. `sides` are those on which a
    position may be opened or increased, None for both. `max_loss` is the loss of a session, in
    account currency, from which on nothing is opened.
    """

    reason: str
    halt: bool = False
    max_contracts: int | None = None
    valid_until: int | None = None
    source: str = ""
    sides: tuple[Side, ...] | None = None
    max_loss: Money | None = None

    def refuses(self, now: int, side: str | None = None) -> str | None:
        """Return the reason why no new risk may be taken at `now` (UTC nanoseconds), or None.

        `side` is that of the order, `BUY` or `SELL`; without one, sides are not checked.
        """
        if self.halt:
            return f"posture is halt: {self.reason}"
        if self.valid_until is not None and now >= self.valid_until:
            return f"posture expired: {self.reason}"
        if side is None or self.sides is None or OF_ORDERS.get(side) in self.sides:
            return None
        return f"posture allows no {side.lower()}: {self.reason}"


class Rung(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of the validation ladder: the limits of one strategy.

    `root` is the root it may trade, by default the one in a name such as `1 MES`, None for any.
    `max_contracts` limits its worst-case position in contracts, `risk` the loss of one trade at its
    stop, in `currency`. With `enforced` false no order is denied and only sizes are limited.
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
        """Return its name in messages: `rung 1 MES`."""
        return f"rung {self.name}" if self.name else "the rung"


SMALLEST = Rung(name="1 MES", enforced=False)
"""The rung that limits sizes where none is configured: 1 MES contract, 50 USD at its stop."""


class Excursion(msgspec.Struct, frozen=True, gc=False):
    """Maximum favorable and adverse excursion of a trade, in account currency, from its bars."""

    favorable: Decimal
    adverse: Decimal


class Trade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A round trip from flat to flat, as plain data that may cross threads.

    Prices are in points; `pnl` is realized, net of `commissions`, in `currency`; times are UTC
    nanoseconds. `slippage` is points paid beyond the reference price of each fill, positive is
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
    """Notice to a strategy on a root that its position moved from one contract to the next.

    `prices` are those of the old and the new contract in the same minute, in points. With `flat`
    the position was closed and not opened again. `at` is UTC nanoseconds; `fact` is the id of the
    roll in the journal.
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
    """An analyst's record of a closed trade; `facts` are figures for later programs."""

    trade_id: str
    summary: str
    facts: dict[str, Any] = {}


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A proposed change of the configuration. It takes effect only if a person applies it."""

    title: str
    reason: str
    change: dict[str, Any] = {}


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's own feature, in every timeframe: `1m.NAME`, `5m.NAME`, `1h.NAME`, `1d.NAME`.

    `function` takes bars, oldest first, and returns one number for each, NaN for none; it may use
    a bar and those before it. `lookback` is how many bars it needs, that one included: in a run it
    gets these and no others. `unit`, `low` and `high` describe it in listings.
    """

    name: str
    function: Callable[[Bars], np.ndarray]
    lookback: int
    meaning: str
    unit: str = ""
    low: float = float("-inf")
    high: float = float("inf")
