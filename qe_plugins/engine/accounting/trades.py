"""Build trades from fills: one trade from flat to flat, per strategy and contract."""

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

    `ts` is UTC nanoseconds, `price` in points, `commission` in `currency`. `reference` is the price
    the order could expect: the close it was sent on, its trigger or its limit. `signal` is the id
    of the signal behind the order.
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
        """Return a fill of `quantity` contracts and one of the rest, commission pro rata."""
        share = self.commission * quantity / self.quantity
        rest = self.quantity - quantity
        return (
            msgspec.structs.replace(self, quantity=quantity, commission=share),
            msgspec.structs.replace(self, quantity=rest, commission=self.commission - share),
        )


@dataclass
class OpenTrade:
    """The open trade of one strategy in one contract.

    `net` is the position in signed contracts, `multiplier` in currency a point, `closed` the number
    of trades closed before. `range` has the highest and the lowest price during the last closed
    trade, in points.
    """

    multiplier: Decimal
    net: Decimal = ZERO
    closed: int = 0
    fills: list[Fill] = field(default_factory=list)
    range: tuple[Decimal, Decimal] = (ZERO, ZERO)
    _highest: float = -inf
    _lowest: float = inf

    def apply(self, fill: Fill) -> list[Fill] | None:
        """Add a fill. Return the fills of the trade that it closes, None where it closes none.

        A fill that reverses the position closes one trade and opens the next with the rest.
        """
        net = self.net
        if not net:
            self._open(fill)
            return None
        after = net + fill.quantity
        if after and (after > ZERO) == (net > ZERO):
            self.fills.append(fill)
            self.net = after
            return None
        closing, rest = fill.split(-net) if after else (fill, None)
        done, self.closed = [*self.fills, closing], self.closed + 1
        self.range = self._range_of([one.price for one in done])
        self.fills, self.net = [], ZERO
        if rest is not None:
            self._open(rest)
        return done

    def abandon(self, quantity: Decimal) -> None:
        """Take contracts out of the open trade without closing it: their price is unknown.

        `quantity` is signed against the position and at most as large. The oldest fills go first;
        once the position is flat, the trade is none.
        """
        self.net += quantity
        left = abs(quantity)
        while left and self.fills:
            first = self.fills[0]
            if abs(first.quantity) > left:
                self.fills[0] = first.split(left if first.quantity > 0 else -left)[1]
                break
            left -= abs(first.quantity)
            del self.fills[0]
        if not self.net:
            self.fills = []

    def extend_range(self, high: float, low: float) -> None:
        """Extend the open trade's price range by that of bars, in points."""
        if high > self._highest:
            self._highest = high
        if low < self._lowest:
            self._lowest = low

    def _range_of(self, filled: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
        high, low = max(filled), min(filled)
        if self._highest < self._lowest:
            return high, low
        return max(high, shortest_decimal(self._highest)), min(low, shortest_decimal(self._lowest))

    def _open(self, fill: Fill) -> None:
        self.fills, self.net = [fill], fill.quantity
        self._highest, self._lowest = -inf, inf


@lru_cache(maxsize=65_536)
def shortest_decimal(price: float) -> Decimal:
    """Return the shortest decimal that a float stands for; exact for up to fifteen digits."""
    return Decimal(repr(price))


class FillTotals(msgspec.Struct):
    """Sums over the fills of one trade. Sizes in contracts, values in points times contracts.

    `peak` is the largest position. `slippage_value` is the cost beyond the reference prices,
    None where one of them is unknown.
    """

    entered: Decimal = ZERO
    entry_value: Decimal = ZERO
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO
    peak: Decimal = ZERO
    commissions: Decimal = ZERO
    slippage_value: Decimal | None = ZERO

    @property
    def slippage(self) -> Decimal | None:
        """Return the slippage in points per contract, None where a reference is unknown."""
        return None if self.slippage_value is None else self.slippage_value / self.peak


def fill_totals(fills: Sequence[Fill]) -> FillTotals:
    """Return the sums over the fills of one trade, oldest first."""
    found = FillTotals()
    long, net = fills[0].quantity > 0, ZERO
    for fill in fills:
        quantity = fill.quantity if long else -fill.quantity
        if quantity > 0:
            found.entered += quantity
            found.entry_value += quantity * fill.price
        else:
            found.exited -= quantity
            found.exit_value -= quantity * fill.price
        net += quantity
        if net > found.peak:
            found.peak = net
        found.commissions += fill.commission
        if fill.reference is None:
            found.slippage_value = None
        elif found.slippage_value is not None:
            found.slippage_value += (fill.price - fill.reference) * fill.quantity
    return found


class TradeFigures(msgspec.Struct):
    """Figures of a closed trade: average prices and slippage in points, commissions in currency.

    `gross` is the P&L before fees in points times contracts; `orders` are the client order ids.
    """

    size: Decimal
    entry: Decimal
    exit: Decimal
    gross: Decimal
    commissions: Decimal
    slippage: Decimal | None
    orders: tuple[str, ...]


def trade_figures(fills: Sequence[Fill]) -> TradeFigures:
    """Return the figures of a closed trade from its fills, oldest first."""
    if len(fills) == 2 and fills[0].quantity == -fills[1].quantity:
        return _figures_of_two_fills(*fills)
    sums = fill_totals(fills)
    gross = sums.exit_value - sums.entry_value
    return TradeFigures(
        size=sums.peak,
        entry=sums.entry_value / sums.entered,
        exit=sums.exit_value / sums.exited,
        gross=gross if fills[0].quantity > 0 else -gross,
        commissions=sums.commissions,
        slippage=sums.slippage,
        orders=tuple(dict.fromkeys([fill.client_order_id for fill in fills])),
    )


def _figures_of_two_fills(first: Fill, last: Fill) -> TradeFigures:
    """Return the figures of one fill and its opposite: the common case, without the sums."""
    move, slippage, long = last.price - first.price, None, first.quantity > ZERO
    if first.reference is not None and last.reference is not None:
        slippage = (first.price - first.reference) - (last.price - last.reference)
        slippage = slippage if long else -slippage
    return TradeFigures(
        size=abs(first.quantity),
        entry=first.price,
        exit=last.price,
        gross=move * first.quantity if move else move,  # never minus zero
        commissions=first.commission + last.commission,
        slippage=slippage,
        orders=(first.client_order_id, last.client_order_id),
    )


def build_trade(
    fills: Sequence[Fill],
    number: int,
    multiplier: Decimal,
    price_range: tuple[Decimal, Decimal] | None,
    votes: tuple[Signal, ...],
) -> Trade:
    """Return the record of a closed trade. P&L is exact: the sum of its fills, net of commissions.

    `price_range` has the highest and the lowest price during the trade; without it the record has
    no excursion. `votes` are the signals behind it, oldest first.
    """
    first, last, figures = fills[0], fills[-1], trade_figures(fills)
    long = first.quantity > ZERO
    reached = None
    if price_range is not None:
        reached = excursion(price_range, figures.entry, figures.size * multiplier, long=long)
    trade = Trade(
        id=f"{first.instrument_id}-{first.strategy}-{number}",
        instrument_id=first.instrument_id,
        strategy=first.strategy,
        side=Side.LONG if long else Side.SHORT,
        quantity=figures.size,
        entry=figures.entry,
        exit=figures.exit,
        opened=first.ts,
        closed=last.ts,
        pnl=figures.gross * multiplier - figures.commissions,
        commissions=figures.commissions,
        currency=first.currency,
        orders=figures.orders,
        excursion=reached,
        slippage=figures.slippage,
    )  # without votes: to Python, a call with more than fifteen names is another kind of call
    return msgspec.structs.replace(trade, votes=votes) if votes else trade


def excursion(
    price_range: tuple[Decimal, Decimal], entry: Decimal, dollars: Decimal, *, long: bool
) -> Excursion:
    """Return the maximum favorable and adverse excursion in money, at `dollars` a point."""
    high, low = price_range
    up, down = (high - entry) * dollars, (low - entry) * dollars
    best, worst = (up, down) if long else (-down, -up)
    return Excursion(favorable=max(best, ZERO), adverse=min(worst, ZERO))
