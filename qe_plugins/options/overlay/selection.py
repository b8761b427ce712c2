"""A structure picked from a chain by expiry, delta and width, of options that can be traded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import polars as pl

from qe_plugins.market.listed_options import ListedOption
from qe_plugins.market.option_terms import option_fee
from qe_plugins.options.chain import OptionChain
from qe_plugins.options.overlay.structures import Structure, StructureKind, StructureLeg
from qe_plugins.units import Fraction, Money

DAY_NS = 86_400 * 1_000_000_000

Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[Fraction, msgspec.Meta(ge=0, le=1)]


class SelectionRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which structure to look for.

    `days` is the range of calendar days to expiry; of several expiries the one nearest to the
    middle is taken. A short option's delta is within `delta`, the nearest to its middle; its long
    one is at most `width` points further out. `spread_ticks` is the widest spread of a leg,
    `least_size` the contracts quoted at its price, `least_credit` a part of the width.
    """

    kind: StructureKind = StructureKind.IRON_CONDOR
    days: tuple[Annotated[int, msgspec.Meta(ge=1)], Annotated[int, msgspec.Meta(ge=1)]] = (30, 45)
    delta: tuple[Positive, Positive] = (0.10, 0.20)
    width: Money = Decimal(50)
    spread_ticks: Positive = 4.0
    least_size: Annotated[int, msgspec.Meta(ge=1)] = 10
    least_credit: Share = 0.10

    def __post_init__(self) -> None:
        for name in ("days", "delta"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must begin with the smaller one, was {low}, {high}")
        if self.delta[1] >= 0.5:
            raise ValueError(f"delta must be below 0.5, was {self.delta[1]}")
        if self.width <= 0:
            raise ValueError(f"width must be positive, was {self.width}")


class NoStructure(msgspec.Struct, frozen=True):
    """Why a chain has nothing to sell."""

    reason: str


def pick_structure(
    chain: OptionChain, contracts: Mapping[str, ListedOption], rules: SelectionRules, on: date
) -> Structure | NoStructure:
    """Return the structure that the rules pick from a chain, or why there is none.

    Prices are those at which it can be traded: bids for what is sold, offers for what is bought.
    `contracts` are the listed options by symbol, `on` the day whose fees apply.
    """
    first, last = rules.days
    days = {one: (one - chain.at) / DAY_NS for one in chain.expiries}
    middle = (first + last) / 2
    near = sorted(
        (abs(n - middle), expiry) for expiry, n in days.items() if first <= n <= last
    )  # fmt: skip
    if not near:
        have = ", ".join(f"{n:.0f}" for n in days.values()) or "none"
        return NoStructure(f"no expiry in {first} to {last} days; listed: {have}")
    why = NoStructure("")
    for _, expiry in near:
        found = _of_expiry(chain, contracts, rules, on, expiry)
        if isinstance(found, Structure):
            return found
        why = found
    return why


def _of_expiry(
    chain: OptionChain,
    contracts: Mapping[str, ListedOption],
    rules: SelectionRules,
    on: date,
    expiry: int,
) -> Structure | NoStructure:
    legs: list[StructureLeg] = []
    options = chain.used.filter((pl.col("expiry") == expiry) & pl.col("vol").is_not_null())
    for sign in rules.kind.signs:
        side = "put" if sign < 0 else "call"
        listed = options.filter(pl.col("sign") == sign)
        pair = _wing(listed, rules, sign)
        if isinstance(pair, str):
            return NoStructure(f"{side}s: {pair}")
        short, far = pair
        legs += [_leg(short, contracts, -1), _leg(far, contracts, 1)]
    made = Structure(
        kind=rules.kind,
        legs=tuple(legs),
        fee=option_fee(chain.root, on),
    )
    least = made.width * Decimal(str(rules.least_credit))
    if made.credit < least:
        return NoStructure(f"a credit of {made.credit:.2f} points, {least:.2f} are asked for")
    return made


def _wing(
    listed: pl.DataFrame, rules: SelectionRules, sign: int
) -> tuple[dict[str, Any], dict[str, Any]] | str:
    """Return the short and the long option of a side, or why there is no such pair."""
    low, high = rules.delta
    size = pl.col("delta").abs()
    shorts = listed.filter(size.is_between(low, high))
    if not shorts.height:
        return f"no delta from {low:g} to {high:g}"
    shorts = shorts.filter(_tradable(rules, "bid_size"))
    if not shorts.height:
        return "the short options are too wide or too thin"
    middle = (low + high) / 2
    short = shorts.sort((size - middle).abs(), "strike").row(0, named=True)
    away = sign * (pl.col("strike") - short["strike"])
    wings = listed.filter((away > 0) & (away <= float(rules.width)))
    if not wings.height:
        return f"no option within {rules.width} points beyond {short['symbol']}"
    wings = wings.filter(_tradable(rules, "ask_size"))
    if not wings.height:
        return f"the options beyond {short['symbol']} are too wide or too thin"
    return short, wings.sort(away, descending=True).row(0, named=True)


def _tradable(rules: SelectionRules, size: str) -> pl.Expr:
    # Room for rounding: the spread in ticks is a quotient of floats.
    narrow = pl.col("spread_ticks") <= rules.spread_ticks + 0.01
    return narrow & (pl.col(size).fill_null(0) >= rules.least_size)


def _leg(row: Mapping[str, Any], contracts: Mapping[str, ListedOption], side: int) -> StructureLeg:
    price, size = ("bid", "bid_size") if side < 0 else ("ask", "ask_size")
    return StructureLeg(
        option=contracts[row["symbol"]],
        side=side,
        price=Decimal(f"{row[price]:.2f}"),
        size=int(row[size] or 0),
    )
