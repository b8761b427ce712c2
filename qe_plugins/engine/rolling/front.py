"""The spliced series of a root: bars of the contract that is the front month, under one name.

Point in time: a strategy receives bars as they traded. Earlier bars are put on the level of the
next contract only when the front month changes, by the two prices of that roll (see `adjusted`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    Bar,
    BarType,
    FuturesContract,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)

from qe_plugins.data.catalog.reader import SplicedSeries
from qe_plugins.engine.contracts.instruments import remade

if TYPE_CHECKING:
    from qe_plugins.engine.rolling.roll_points import RollPoint

type PriceChange = Callable[[Price], Price]

FAR = 10 * 366 * 86_400 * 1_000_000_000


@dataclass(frozen=True)
class Front:
    """The front months of one root over a run.

    `id` is `MES.XCME`, `spec` the bars' specification, `rule` what makes a contract current,
    `first` the id of the first contract.
    """

    root: str
    id: str
    spec: str
    rule: str
    first: str
    roll_points: tuple[RollPoint, ...]

    @property
    def bar_type(self) -> str:
        """Return the bar type of the series."""
        return f"{self.id}-{self.spec}-EXTERNAL"

    @property
    def spliced_series(self) -> SplicedSeries:
        """Return which contract's bars the series has, and from when on."""
        contracts = [(0, self.first), *((point.at, point.after) for point in self.roll_points)]
        parts = ((since, f"{one}-{self.spec}-EXTERNAL") for since, one in contracts)
        return SplicedSeries(self.bar_type, tuple(parts))

    def contract(self, ts: int) -> str:
        """Return the contract that is current at a moment (UTC ns)."""
        passed = [point.after for point in self.roll_points if point.at <= ts]
        return passed[-1] if passed else self.first


def adjusted(history: Sequence[Bar], roll_points: Sequence[RollPoint], adjust: str) -> list[Bar]:
    """Return front bars, oldest first, adjusted to the level of the last roll point.

    `roll_points` are those up to now; `adjust` is `difference` or `ratio`. Bars before a roll point
    without prices are left out, and so are bars before a ratio of prices that are not positive:
    there is nothing to adjust them by.
    """
    ratio, difference, later = Decimal(1), Decimal(0), list(roll_points)
    moved: list[Bar] = []
    move: PriceChange | None = None
    for bar in sorted(history, key=lambda bar: bar.ts_event, reverse=True):
        while later and later[-1].at > bar.ts_event:
            point = later.pop()
            if point.prices is None or (adjust == "ratio" and min(point.prices) <= 0):
                return moved[::-1]
            before, after = point.prices
            if adjust == "ratio":
                ratio *= after / before
                move = partial(_scaled, ratio)
            else:
                difference += after - before
                move = Price.from_decimal_dp(difference, bar.close.precision).__add__
        moved.append(_moved(bar, move) if move else bar)
    return moved[::-1]


def _scaled(ratio: Decimal, price: Price) -> Price:
    return Price.from_decimal_dp(price.as_decimal() * ratio, price.precision)


def _moved(bar: Bar, move: PriceChange) -> Bar:
    return Bar(
        bar.bar_type,
        move(bar.open),
        move(bar.high),
        move(bar.low),
        move(bar.close),
        bar.volume,
        bar.ts_event,
        bar.ts_init,
    )


def front_instrument(front: Front, contract: FuturesContract) -> Any:
    """Return an instrument for the front's id, to read tick and multiplier from; never traded."""
    return remade(
        contract,
        instrument_id=InstrumentId.from_str(front.id),
        raw_symbol=Symbol(front.root),
        activation_ns=0,
        expiration_ns=contract.expiration_ns + FAR,
    )


def unmatched_bar(front: Front, price: Price, ts: int) -> Bar:
    """Return a bar after which the venue does not match orders on the front's own bars.

    The engine matches on the shortest bars of an instrument that it has received, and no other bar
    is as short as this one.
    """
    kind = BarType.from_str(f"{front.id}-1-MILLISECOND-LAST-EXTERNAL")
    return Bar(kind, price, price, price, price, Quantity.from_int(1), ts, ts)
