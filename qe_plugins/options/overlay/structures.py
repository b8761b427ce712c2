"""Spreads and condors: what is sold, what protects it, and the loss that no path exceeds."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from qe_plugins.market.listed_options import ListedOption
from qe_plugins.options.overlay.book import ZERO, OptionBook, OptionClaim, claims_of


class StructureKind(StrEnum):
    """What may be sold. Every short option has a long one further out of the money."""

    IRON_CONDOR = "iron_condor"
    PUT_SPREAD = "put_spread"
    CALL_SPREAD = "call_spread"

    @property
    def signs(self) -> tuple[int, ...]:
        """Return the sides that are sold: -1 puts, 1 calls."""
        sides = {"iron_condor": (-1, 1), "put_spread": (-1,), "call_spread": (1,)}
        return sides[self.value]


class StructureLeg(msgspec.Struct, frozen=True, kw_only=True):
    """An option of a structure at the price at which it can be traded now.

    `side` is -1 where it is sold, at the bid, and 1 where it is bought, at the offer. `size` is the
    contracts quoted there.
    """

    option: ListedOption
    side: int
    price: Decimal
    size: int

    @property
    def claim(self) -> OptionClaim:
        """Return what the option pays at expiry."""
        return OptionClaim.of(self.option)


class Structure(msgspec.Struct, frozen=True, kw_only=True):
    """One unit: a contract of each leg, in any order. `fee` is USD a contract and side."""

    kind: StructureKind
    legs: tuple[StructureLeg, ...]
    fee: Decimal

    def __post_init__(self) -> None:
        claims_of(one.option for one in self.legs)
        sides = sorted((one.option.sign, one.side) for one in self.legs)
        if sides != sorted((sign, side) for sign in self.kind.signs for side in (-1, 1)):
            raise ValueError(f"{self.kind} needs one short and one long option a side")

    @property
    def multiplier(self) -> Decimal:
        """Return USD a point."""
        return self.legs[0].option.multiplier

    @property
    def expiry(self) -> int:
        """Return the expiry in UTC nanoseconds."""
        return self.legs[0].option.expiry

    @property
    def credit(self) -> Decimal:
        """Return what selling one unit brings in, in points."""
        return -sum((one.side * one.price for one in self.legs), ZERO)

    @property
    def width(self) -> Decimal:
        """Return the distance between the strikes of the wider wing, in points."""
        wings = []
        for sign in self.kind.signs:
            strikes = [one.option.strike for one in self.legs if one.option.sign == sign]
            wings.append(max(strikes) - min(strikes))
        return max(wings)

    @property
    def loss_at_expiry(self) -> Decimal:
        """Return the most that a unit loses if it is held to expiry, in USD: width less credit.

        The fees of selling it are included.
        """
        book = self.book(1)
        return max(ZERO, *(-book.value(price) for price in (ZERO, *self._strikes)))

    @property
    def entry_legs(self) -> list[StructureLeg]:
        """Return the legs in the order in which they are traded: bought, then sold, dear first."""
        return sorted(self.legs, key=lambda one: (-one.side, -one.price))

    @property
    def most_loss(self) -> Decimal:
        """Return the USD that a unit loses at most, whatever fills and whatever the price does.

        It is above the loss at expiry: until the last short option is sold its premium has not come
        in, and after the first one is bought back the others are still open. An early close's fees
        are included.
        """
        book, worst = OptionBook(self.multiplier), ZERO
        for one in self.entry_legs:
            book = book.filled(one.claim, one.side, one.price, self.fee)
            if (loss := book.most_loss) is None:
                raise ValueError(f"{self.kind} has an open loss")
            worst = max(worst, loss)
        return worst + self.fee * len(self.legs)

    @property
    def _strikes(self) -> list[Decimal]:
        return [one.option.strike for one in self.legs]

    def book(self, units: int) -> OptionBook:
        """Return the book after all legs have filled at their prices."""
        book = OptionBook(self.multiplier)
        for one in self.legs:
            count = one.side * units
            book = book.filled(one.claim, count, one.price, self.fee * units)
        return book

    def units_for(self, risk: Decimal, share: Decimal, most: int) -> int:
        """Return the units whose most loss is within `risk` USD, at most `most`.

        `share` is the part of the contracts quoted at a leg's price that may be taken.
        """
        by_risk = int(risk // self.most_loss) if self.most_loss > 0 else most
        by_size = min(int(one.size * share) for one in self.legs)
        return max(0, min(by_risk, by_size, most))
