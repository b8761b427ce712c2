"""Turn fills into trades: one trade from flat to flat, per strategy and contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from math import inf

import msgspec

from qe_plugins.plugins.types import Excursion, Side, Signal, Trade

ZERO = Decimal(0)


class Fill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One fill as plain data. `quantity` is signed: positive bought, negative sold.

    `reference` is the price the order could expect: the close it was sent on, or its trigger;
    `signal` is the id of the signal that it answers.
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
    signal: str | None = None

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
class OpenTrade:
    """The open trade of one strategy in one contract.

    `ran` is the highest and the lowest price that the last one saw.
    """

    multiplier: Decimal
    held: Decimal = ZERO
    closed: int = 0
    fills: list[Fill] = field(default_factory=list)
    ran: tuple[Decimal, Decimal] = (ZERO, ZERO)
    _top: float = -inf
    _bottom: float = inf

    def apply(self, fill: Fill) -> list[Fill] | None:
        """Take a fill in. Return the fills of the trade it closes, or None.

        A fill that goes through flat closes one trade and opens the next with the rest.
        """
        held = self.held
        if not held:
            self._open(fill)
            return None
        after = held + fill.quantity
        if after and (after > ZERO) == (held > ZERO):
            self.fills.append(fill)
            self.held = after
            return None
        closing, rest = fill.split(-held) if after else (fill, None)
        done, self.closed = [*self.fills, closing], self.closed + 1
        self.ran = self._range([one.price for one in done])
        self.fills, self.held = [], ZERO
        if rest is not None:
            self._open(rest)
        return done

    def see(self, high: float, low: float) -> None:
        """Widen the range the open trade has seen by that of bars, in points."""
        if high > self._top:
            self._top = high
        if low < self._bottom:
            self._bottom = low

    def _range(self, filled: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
        high, low = max(filled), min(filled)
        if self._top < self._bottom:
            return high, low
        return max(high, shortest_decimal(self._top)), min(low, shortest_decimal(self._bottom))

    def _open(self, fill: Fill) -> None:
        self.fills, self.held = [fill], fill.quantity
        self._top, self._bottom = -inf, inf


@lru_cache(maxsize=65_536)
def shortest_decimal(price: float) -> Decimal:
    """Return the decimal that a float is the nearest one to, of up to fifteen digits."""
    return Decimal(repr(price))


class FillTotals(msgspec.Struct):
    """What the fills of one trade come to. Sizes in contracts, values in points times contracts.

    `cash` is points earned, `slipped` points paid against references: None where one is unknown.
    """

    entered: Decimal = ZERO
    entry_value: Decimal = ZERO
    left: Decimal = ZERO
    exit_value: Decimal = ZERO
    peak: Decimal = ZERO
    commissions: Decimal = ZERO
    slipped: Decimal | None = ZERO

    @property
    def slippage(self) -> Decimal | None:
        """Return the points paid against references per contract, None where one is unknown."""
        return None if self.slipped is None else self.slipped / self.peak


def totals(fills: Sequence[Fill]) -> FillTotals:
    """Add the fills of one trade up, oldest first."""
    found = FillTotals()
    long, held = fills[0].quantity > 0, ZERO
    for fill in fills:
        quantity = fill.quantity if long else -fill.quantity
        if quantity > 0:
            found.entered += quantity
            found.entry_value += quantity * fill.price
        else:
            found.left -= quantity
            found.exit_value -= quantity * fill.price
        held += quantity
        if held > found.peak:
            found.peak = held
        found.commissions += fill.commission
        if fill.reference is None:
            found.slipped = None
        elif found.slipped is not None:
            found.slipped += (fill.price - fill.reference) * fill.quantity
    return found


class TradeFigures(msgspec.Struct):
    """What a closed trade came to. Prices are averages, `earned` is points times contracts.

    `orders` are those whose fills it is made of, by client order id.
    """

    size: Decimal
    entry: Decimal
    exit: Decimal
    earned: Decimal
    commissions: Decimal
    slippage: Decimal | None
    orders: tuple[str, ...]


def result(fills: Sequence[Fill]) -> TradeFigures:
    """Return what the fills of a closed trade come to, oldest first."""
    if len(fills) == 2 and fills[0].quantity == -fills[1].quantity:
        return _in_and_out(*fills)
    sums = totals(fills)
    gross = sums.exit_value - sums.entry_value
    return TradeFigures(
        size=sums.peak,
        entry=sums.entry_value / sums.entered,
        exit=sums.exit_value / sums.left,
        earned=gross if fills[0].quantity > 0 else -gross,
        commissions=sums.commissions,
        slippage=sums.slippage,
        orders=tuple(dict.fromkeys([fill.client_order_id for fill in fills])),
    )


def _in_and_out(first: Fill, last: Fill) -> TradeFigures:
    """Return what one fill and its opposite come to: most trades are no more than that."""
    ran, slippage, long = last.price - first.price, None, first.quantity > ZERO
    if first.reference is not None and last.reference is not None:
        slippage = (first.price - first.reference) - (last.price - last.reference)
        slippage = slippage if long else -slippage
    return TradeFigures(
        size=abs(first.quantity),
        entry=first.price,
        exit=last.price,
        earned=ran * first.quantity if ran else ran,  # never minus zero
        commissions=first.commission + last.commission,
        slippage=slippage,
        orders=(first.client_order_id, last.client_order_id),
    )


def build_trade(
    fills: Sequence[Fill],
    number: int,
    multiplier: Decimal,
    ran: tuple[Decimal, Decimal] | None,
    votes: tuple[Signal, ...],
) -> Trade:
    """Make the record of a closed trade. P&L is exact: the sum of its fills, net of commissions.

    `ran` is the highest and the lowest price it saw, None where nobody looked.
    """
    first, last, made = fills[0], fills[-1], result(fills)
    long = first.quantity > ZERO
    swing = None
    if ran is not None:
        swing = excursion(ran, made.entry, made.size * multiplier, long=long)
    trade = Trade(
        id=f"{first.instrument_id}-{first.strategy}-{number}",
        instrument_id=first.instrument_id,
        strategy=first.strategy,
        side=Side.LONG if long else Side.SHORT,
        quantity=made.size,
        entry=made.entry,
        exit=made.exit,
        opened=first.ts,
        closed=last.ts,
        pnl=made.earned * multiplier - made.commissions,
        commissions=made.commissions,
        currency=first.currency,
        orders=made.orders,
        excursion=swing,
        slippage=made.slippage,
    )  # without votes: to Python, a call with more than fifteen names is another kind of call
    return msgspec.structs.replace(trade, votes=votes) if votes else trade


def excursion(
    ran: tuple[Decimal, Decimal], entry: Decimal, dollars: Decimal, *, long: bool
) -> Excursion:
    """Return the best and the worst of a trade in money, at `dollars` a point."""
    up, down = (ran[0] - entry) * dollars, (ran[1] - entry) * dollars
    best, worst = (up, down) if long else (-down, -up)
    return Excursion(favorable=max(best, ZERO), adverse=min(worst, ZERO))
