"""The front of a root as a series that strategies hear: the current contract's bars, relabelled.

Point in time: bars are never moved. What earlier bars would have been on the current contract's
level is worked out when the front turns, from the turn's own price pair (see `adjusted`).
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

type Move = Callable[[Price], Price]

FAR = 10 * 366 * 86_400 * 1_000_000_000


@dataclass(frozen=True)
class Front:
    """One root's front on one tape: `id` is `MES.XCME`, `spec` the bars' specification."""

    root: str
    id: str
    spec: str
    rule: str
    first: str
    turns: tuple[RollPoint, ...]

    @property
    def bar_type(self) -> str:
        """Return the bar type of the series."""
        return f"{self.id}-{self.spec}-EXTERNAL"

    @property
    def woven(self) -> SplicedSeries:
        """Return the series as the tape weaves it: of each contract's bars while it is current."""
        contracts = [(0, self.first), *((turn.at, turn.after) for turn in self.turns)]
        parts = ((since, f"{one}-{self.spec}-EXTERNAL") for since, one in contracts)
        return SplicedSeries(self.bar_type, tuple(parts))

    def contract(self, ts: int) -> str:
        """Return the contract that is current at a moment (UTC ns)."""
        passed = [turn.after for turn in self.turns if turn.at <= ts]
        return passed[-1] if passed else self.first


def adjusted(history: Sequence[Bar], turns: Sequence[RollPoint], adjust: str) -> list[Bar]:
    """Return front bars, oldest first, as they would have been on the level of the last turn.

    `turns` are those up to now; `adjust` is `difference` or `ratio`. A turn without prices leaves
    what was before it out, and so does a ratio of prices that are not above zero: there is nothing
    to adjust it by.
    """
    ratio, difference, later = Decimal(1), Decimal(0), list(turns)
    moved: list[Bar] = []
    move: Move | None = None
    for bar in sorted(history, key=lambda bar: bar.ts_event, reverse=True):
        while later and later[-1].at > bar.ts_event:
            turn = later.pop()
            if turn.prices is None or (adjust == "ratio" and min(turn.prices) <= 0):
                return moved[::-1]
            before, after = turn.prices
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


def _moved(bar: Bar, move: Move) -> Bar:
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
    """Return the front as an instrument to look up tick and multiplier in; it is never traded."""
    return remade(
        contract,
        instrument_id=InstrumentId.from_str(front.id),
        raw_symbol=Symbol(front.root),
        activation_ns=0,
        expiration_ns=contract.expiration_ns + FAR,
    )


def unmatched(front: Front, price: Price, ts: int) -> Bar:
    """Return a bar by which the venue leaves the front's own bars alone: nobody trades them.

    It matches orders by the shortest bars of an instrument that it has heard, and this is one.
    """
    kind = BarType.from_str(f"{front.id}-1-MILLISECOND-LAST-EXTERNAL")
    return Bar(kind, price, price, price, price, Quantity.from_int(1), ts, ts)
