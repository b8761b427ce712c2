"""Listed options on futures: what is known of a contract, from its symbol or its definition."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal

import msgspec

from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.definitions import ContractDefinition
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.expiry import listed, stops_trading
from qe_plugins.market.option_terms import (
    ExerciseStyle,
    Fixing,
    OptionProduct,
    option_product,
    option_ticks,
)
from qe_plugins.market.sessions import next_session
from qe_plugins.market.specs import market

SECOND = 1_000_000_000
MORNING = time(8, 30)  # in Chicago: every session is open then, also one that closes early
SYMBOL = re.compile(
    r"(?P<product>[A-Z0-9]{2,3})(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2}) "
    r"(?P<right>[CP])(?P<strike>\d+(?:\.\d+)?)"
)
STYLES = {"A": ExerciseStyle.AMERICAN, "E": ExerciseStyle.EUROPEAN}

type Right = Literal["call", "put"]


class ListedOption(msgspec.Struct, frozen=True, kw_only=True):
    """One listed option on a future.

    `symbol` has a two-digit year, `EW2F26 C7000`; `underlying` is the future that it is exercised
    into, `ESH26`; `expiry` is UTC nanoseconds, `multiplier` USD a point.
    """

    symbol: str
    product: str
    root: str
    right: Right
    strike: Decimal
    underlying: str
    expiry: int
    style: ExerciseStyle
    fixing: Fixing
    multiplier: Decimal

    @property
    def id(self) -> str:
        """Return the engine's id of the option, on the exchange of its future."""
        return f"{self.symbol}.{market(self.root).exchange}"

    @property
    def underlying_id(self) -> str:
        """Return the engine's id of the future, `ESH26.XCME`."""
        return f"{self.underlying}.{market(self.root).exchange}"

    @property
    def sign(self) -> int:
        """Return 1 for a call and -1 for a put."""
        return 1 if self.right == "call" else -1

    @property
    def expires(self) -> datetime:
        """Return the expiry as a time (UTC)."""
        return datetime.fromtimestamp(self.expiry // SECOND, UTC)

    def intrinsic(self, price: Decimal) -> Decimal:
        """Return the value of exercise at a price of the underlying, in points, at least 0."""
        return max(self.sign * (price - self.strike), Decimal(0))

    def tick(self, premium: Decimal, on: date) -> Decimal:
        """Return the tick at a premium on a day, in points."""
        return option_ticks(self.root, on).tick_at(premium)


def underlying_at(root: str, expiry: int, fixing: Fixing) -> str:
    """Return the future that an option of a root is exercised into, `ESH26`.

    It is the nearest that trades after the option's expiry (UTC nanoseconds). Only an option that
    is fixed at the future's own settlement expires together with it.
    """
    day = datetime.fromtimestamp(expiry // SECOND, CHICAGO).date()
    for key in listed(root, date(day.year - 1, day.month, 1)):
        stops = stops_trading(key.name, expiry)
        if stops > expiry or (stops == expiry and fixing is Fixing.SETTLEMENT):
            return key.name
    raise DataError(f"no future of {root} that trades after {day}.", where="options")


def named_option(symbol: str, expiry_day: date) -> ListedOption:
    """Return the option of a symbol, `ESH20 C3250`, that expires on a day.

    What a symbol does not say is from `configs/options.yaml`. Raises DataError for text that is no
    symbol of an option, and for products and roots that the file does not have.
    """
    found = SYMBOL.fullmatch(symbol)
    if found is None:
        raise DataError(
            "not the symbol of an option.", where=repr(symbol), hint="Write it as 'EW2F6 C7000'."
        )
    root, terms = option_product(found["product"])
    at = time.fromisoformat(terms.expires)
    if terms.half_day is not None:
        session = next_session(root, datetime.combine(expiry_day, MORNING, CHICAGO))
        if session.early and session.date == expiry_day:
            at = time.fromisoformat(terms.half_day)
    return _option(found, root, terms, datetime.combine(expiry_day, at, CHICAGO))


def defined_option(one: ContractDefinition) -> ListedOption:
    """Return the option of an exchange's definition.

    Raises DataError where the definition contradicts `configs/options.yaml`: in style, which is the
    third letter of its CFI code, in multiplier, or in the underlying future.
    """
    where = one.raw
    found = SYMBOL.fullmatch(one.raw)
    if found is None or one.underlying is None or one.strike is None:
        raise DataError("the definition is not one of an option on a future.", where=where)
    root, terms = option_product(found["product"])
    ours = _option(found, root, terms, one.expiry)
    for figure, stated, known in (
        ("style", STYLES.get(one.cfi[2:3]), ours.style),
        ("underlying", _two_digits(one.underlying, one.expiry.date()), ours.underlying),
        ("multiplier", one.multiplier, ours.multiplier),
        ("strike", one.strike, ours.strike),
    ):
        if stated != known:
            raise DataError(f"{figure} {stated}, but {known} by our tables.", where=where)
    return ours


def two_digit_symbol(raw: str, known: Container[str]) -> str | None:
    """Return the symbol of a raw name, `EW2F6 C7000`, among those `known`; None for any other."""
    found = SYMBOL.fullmatch(raw)
    if found is None:
        return None
    stem, right = f"{found['product']}{found['month']}", f"{found['right']}{found['strike']}"
    years = [found["year"]] if len(found["year"]) == 2 else [f"{n}{found['year']}" for n in "123"]
    return next((one for y in years if (one := f"{stem}{y} {right}") in known), None)


def _option(
    found: re.Match[str], root: str, terms: OptionProduct, expires: datetime
) -> ListedOption:
    """Return the option of a matched symbol, by our tables."""
    expiry = int(expires.timestamp()) * SECOND
    return ListedOption(
        symbol=f"{found['product']}{found['month']}{expires.year % 100:02d} "
        f"{found['right']}{found['strike']}",
        product=found["product"],
        root=root,
        right="call" if found["right"] == "C" else "put",
        strike=Decimal(found["strike"]),
        underlying=underlying_at(root, expiry, terms.fixing),
        expiry=expiry,
        style=terms.style,
        fixing=terms.fixing,
        multiplier=market(root).multiplier,
    )


def _two_digits(raw: str, on: date) -> str:
    key: ContractKey | None = dated_key(raw, on)
    return key.name if key else raw
