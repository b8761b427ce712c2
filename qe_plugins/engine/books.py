"""Turn fills into trades: one trade from flat to flat, per strategy and contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins.decisions import Excursion, Side, Signal, Trade

if TYPE_CHECKING:
    from nautilus_trader.model import Bar

ZERO = Decimal(0)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One fill as plain data. `quantity` is signed: positive bought, negative sold.

    `reference` is the price the order could expect: the close it was sent on, or its trigger.
    """

    ts: int
    trade_id: str
    client_order_id: str
    instrument_id: str
    strategy: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    currency: str
    position_id: str = ""
    liquidity: str = ""
    reference: Decimal | None = None

    @property
    def side(self) -> str:
        """Return BUY or SELL."""
        return "BUY" if self.quantity > 0 else "SELL"

    def split(self, quantity: Decimal) -> tuple[Fill, Fill]:
        """Return the share that is `quantity` contracts and the rest, commission pro rata."""
        share = self.commission * quantity / self.quantity
        rest = self.quantity - quantity
        return (
            msgspec.structs.replace(self, quantity=quantity, commission=share),
            msgspec.structs.replace(self, quantity=rest, commission=self.commission - share),
        )


@dataclass
class Book:
    """The open trade of one strategy in one contract."""

    multiplier: Decimal
    held: Decimal = ZERO
    closed: int = 0
    fills: list[Fill] = field(default_factory=list)
    high: Decimal = ZERO
    low: Decimal = ZERO
    ran: tuple[Decimal, Decimal] = (ZERO, ZERO)
    _top: Any = None
    _bottom: Any = None

    def apply(self, fill: Fill) -> list[Fill] | None:
        """Take a fill in. Return the fills of the trade it closes, or None.

        A fill that goes through flat closes one trade and opens the next with the rest.
        """
        after = self.held + fill.quantity
        if self.held == 0:
            self._open(fill)
            return None
        if after != 0 and (after > 0) == (self.held > 0):
            self._take(fill)
            return None
        closing, rest = fill.split(-self.held)
        self._take(closing)
        done, self.fills, self.closed = self.fills, [], self.closed + 1
        self.ran = self._range()
        if after != 0:
            self._open(rest)
        return done

    def see(self, bar: Bar) -> None:
        """Widen the range the open trade has seen by a bar's. Prices are compared as they come."""
        high, low = bar.high, bar.low
        if self._top is None or high > self._top:
            self._top = high
        if self._bottom is None or low < self._bottom:
            self._bottom = low

    def excursion(self, fills: list[Fill]) -> Excursion:
        """Return the best and worst of the trade that was closed last, in money."""
        high, low = self.ran
        entry, size, long = average(fills, opening=True), peak(fills), fills[0].quantity > 0
        up, down = (high - entry) * size, (low - entry) * size
        best, worst = (up, down) if long else (-down, -up)
        return Excursion(
            favorable=max(best, ZERO) * self.multiplier, adverse=min(worst, ZERO) * self.multiplier
        )

    def _range(self) -> tuple[Decimal, Decimal]:
        if self._top is None:
            return self.high, self.low
        return max(self.high, self._top.as_decimal()), min(self.low, self._bottom.as_decimal())

    def _open(self, fill: Fill) -> None:
        self.high = self.low = fill.price
        self._top = self._bottom = None
        self._take(fill)

    def _take(self, fill: Fill) -> None:
        self.fills.append(fill)
        self.held += fill.quantity
        self.high, self.low = max(self.high, fill.price), min(self.low, fill.price)


def average(fills: list[Fill], *, opening: bool) -> Decimal:
    """Return the mean price of the fills that open (or close) a trade, in points."""
    long = fills[0].quantity > 0
    chosen = [f for f in fills if ((f.quantity > 0) == long) == opening]
    size = sum((abs(f.quantity) for f in chosen), ZERO)
    return sum((f.price * abs(f.quantity) for f in chosen), ZERO) / size


def peak(fills: list[Fill]) -> Decimal:
    """Return the largest position the trade held, in contracts."""
    held = most = ZERO
    for fill in fills:
        held += fill.quantity
        most = max(most, abs(held))
    return most


def slippage(fills: list[Fill]) -> Decimal | None:
    """Return the points paid against references per contract, or None where one is unknown."""
    if any(f.reference is None for f in fills):
        return None
    paid = sum(((f.price - f.reference) * f.quantity for f in fills if f.reference), ZERO)
    return paid / peak(fills)


def trade_of(
    fills: list[Fill],
    number: int,
    multiplier: Decimal,
    excursion: Excursion | None,
    votes: tuple[Signal, ...],
) -> Trade:
    """Make the record of a closed trade. P&L is exact: the sum of its fills, net of commissions."""
    first, last = fills[0], fills[-1]
    commissions = sum((f.commission for f in fills), ZERO)
    gross = sum((-f.price * f.quantity for f in fills), ZERO) * multiplier
    return Trade(
        id=f"{first.instrument_id}-{first.strategy}-{number}",
        instrument_id=first.instrument_id,
        strategy=first.strategy,
        side=Side.LONG if first.quantity > 0 else Side.SHORT,
        quantity=peak(fills),
        entry=average(fills, opening=True),
        exit=average(fills, opening=False),
        opened=first.ts,
        closed=last.ts,
        pnl=gross - commissions,
        commissions=commissions,
        currency=first.currency,
        orders=tuple(dict.fromkeys(f.client_order_id for f in fills)),
        excursion=excursion,
        slippage=slippage(fills),
        votes=votes,
    )
