"""The next order of an entry or an exit: one at a time, and none that could lose more than stated.

Long options are bought before short ones are sold, and short ones are bought back before long ones
are sold. Every order is a limit that fills at once or is cancelled, so no two orders can fill
together, and the book after it is known before it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

import msgspec

from qe_plugins.options.overlay.book import ZERO, OptionBook, OptionClaim
from qe_plugins.options.overlay.structures import Structure, StructureLeg


class BestPrices(msgspec.Struct, frozen=True):
    """Bid and offer of a contract in points; None where a side is not quoted."""

    bid: Decimal | None = None
    ask: Decimal | None = None


class NextOrder(msgspec.Struct, frozen=True):
    """A limit order that fills at once or is cancelled; `contracts` is negative for a sale."""

    claim: OptionClaim
    contracts: int
    limit: Decimal


class CostToClose(msgspec.Struct, frozen=True):
    """What closing a book costs in points a unit, at most where it is not of quotes alone."""

    points: Decimal
    is_quoted: bool = True


class SalePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A structure to hold: `units`, and the USD that it may lose in all, `most_loss`.

    `room` is how much worse than the structure's prices a leg may be filled, in points.
    """

    structure: Structure
    units: int
    most_loss: Decimal
    room: Decimal = ZERO

    @classmethod
    def of(cls, structure: Structure, units: int, room: Decimal = ZERO) -> SalePlan:
        """Return the plan of some units; what it may lose includes the room of every leg."""
        worse = room * len(structure.legs) * structure.multiplier
        return cls(
            structure=structure,
            units=units,
            most_loss=units * (structure.most_loss + worse),
            room=room,
        )

    def allows(self, book: OptionBook, order: NextOrder) -> bool:
        """Return whether a book loses no more than stated after an order filled at its limit."""
        fees = self.structure.fee * abs(order.contracts)
        after = book.filled(order.claim, order.contracts, order.limit, fees)
        return after.loses_at_most(self.most_loss)


def entry_order(
    plan: SalePlan,
    book: OptionBook,
    prices: Mapping[str, BestPrices],
    missed: Collection[str] = (),
) -> NextOrder | None:
    """Return the next order of an entry, None where nothing is left that may be done now.

    `missed` are symbols of orders that did not fill in this attempt: they are not sent again. Short
    options are sold for as many units as all long ones are held.
    """
    legs = plan.structure.entry_legs
    longs = [one for one in legs if one.side > 0]
    shorts = [one for one in legs if one.side < 0]
    covered = min(book.contracts(one.claim) for one in longs)
    if not any(book.contracts(one.claim) for one in shorts):
        for one in longs:
            missing = plan.units - book.contracts(one.claim)
            if (order := _fresh(plan, book, prices, missed, one, missing)) is not None:
                return order
    for one in shorts:
        missing = min(covered, plan.units) + book.contracts(one.claim)
        if (order := _fresh(plan, book, prices, missed, one, missing)) is not None:
            return order
    return None


def is_complete(plan: SalePlan, book: OptionBook) -> bool:
    """Return whether a book holds the same units, one or more, of every leg and nothing else."""
    units = {one.side * book.contracts(one.claim) for one in plan.structure.legs}
    return len(units) == 1 and min(units) > 0 and len(book.held) == len(plan.structure.legs)


def exit_order(
    plan: SalePlan,
    book: OptionBook,
    prices: Mapping[str, BestPrices],
    missed: Collection[str] = (),
) -> NextOrder | None:
    """Return the next order of an exit, None where nothing may be closed now.

    Short options come first, the cheapest of them, then futures of an assignment, then long options
    as far as nothing needs them. What cannot be closed without the chance of a larger loss than
    stated is held: to expiry, its options protect each other. A future that an expiry has left
    without any is closed at any price.
    """
    for order in _closings(book, prices):
        alone = order.claim.sign == 0 and not book.is_bounded
        if order.claim.symbol not in missed and (alone or plan.allows(book, order)):
            return order
    return None


def cost_to_close(
    book: OptionBook, units: int, prices: Mapping[str, BestPrices]
) -> CostToClose | None:
    """Return what closing a book of options at bids and offers costs.

    A long option without a bid is taken to be worth nothing. None where a short one has no offer.
    """
    points, quoted = ZERO, True
    for claim, count in book.held.items():
        quote = prices.get(claim.symbol, BestPrices())
        price = quote.bid if count > 0 else quote.ask
        if price is None and count < 0:
            return None
        quoted = quoted and price is not None
        points -= count * (price or ZERO)
    return CostToClose(points / units, quoted)


def _fresh(
    plan: SalePlan,
    book: OptionBook,
    prices: Mapping[str, BestPrices],
    missed: Collection[str],
    leg: StructureLeg,
    missing: int,
) -> NextOrder | None:
    """Return the order that fills a leg at its price or within the plan's room."""
    quote = prices.get(leg.option.symbol, BestPrices())
    price = quote.ask if leg.side > 0 else quote.bid
    if missing <= 0 or price is None or leg.option.symbol in missed:
        return None
    if leg.side * (price - leg.price) > plan.room:
        return None
    order = NextOrder(leg.claim, leg.side * missing, price)
    return order if plan.allows(book, order) else None


def _closings(book: OptionBook, prices: Mapping[str, BestPrices]) -> list[NextOrder]:
    """Return the orders that would close parts of a book, in the order in which to try them."""
    shorts, futures, longs = [], [], []
    for claim, count in book.held.items():
        quote = prices.get(claim.symbol, BestPrices())
        price = quote.bid if count > 0 else quote.ask
        if price is None or (price <= 0 and count > 0):
            continue
        if claim.sign == 0:
            futures.append(NextOrder(claim, -count, price))
        elif count < 0:
            shorts.append(NextOrder(claim, -count, price))
        elif (spare := count - _needed(book, claim)) > 0:
            longs.append(NextOrder(claim, -spare, price))
    return [*sorted(shorts, key=lambda one: one.limit), *futures, *longs]


def _needed(book: OptionBook, claim: OptionClaim) -> int:
    """Return how many contracts of a long option protect short ones, or a future, on its side."""
    short = sum(-n for one, n in book.held.items() if one.sign == claim.sign and n < 0)
    future = sum(n for one, n in book.held.items() if one.sign == 0)
    return short + max(-claim.sign * future, 0)
