"""Read and check `configs/options.yaml`: style, fixing, ticks and fees of options, and the rate."""

from __future__ import annotations

import os
import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import msgspec

from qe_plugins import project
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.yaml_reader import read
from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.specs import ContractSpec, FeeRate, latest
from qe_plugins.units import Fraction, Money

OPTIONS_FILE = Path("configs") / "options.yaml"


class ExerciseStyle(StrEnum):
    """When an option may be exercised: on any day, or at its expiry alone."""

    AMERICAN = "american"
    EUROPEAN = "european"


class Fixing(StrEnum):
    """The price that decides about exercise at expiry: the future's settlement, or a VWAP."""

    SETTLEMENT = "settlement"
    VWAP = "vwap"


class OptionProduct(ContractSpec, frozen=True, kw_only=True):
    """Products whose symbols match `pattern`. `expires` is a time in Chicago, where none is known.

    On a day on which the future closes early it is `half_day`, where that is given. `fixing` says
    which price of the underlying future decides about exercise.
    """

    pattern: str
    style: ExerciseStyle
    fixing: Fixing
    expires: str
    half_day: str | None = None
    source: str


class OptionTicks(ContractSpec, frozen=True, kw_only=True):
    """Ticks in points from a day on: `tick` for premiums up to `below`, `above` beyond it."""

    since: date = msgspec.field(name="from")
    tick: Money
    below: Money
    above: Money
    source: str

    def tick_at(self, premium: Decimal) -> Decimal:
        """Return the tick at a premium, both in points."""
        return self.tick if premium < self.below else self.above


class ShortRate(ContractSpec, frozen=True, kw_only=True):
    """The annual rate, continuously compounded, from a day on; 0.0155 is 1.55%."""

    since: date = msgspec.field(name="from")
    rate: Fraction
    source: str


class OptionRoot(ContractSpec, frozen=True, kw_only=True):
    """Options on the futures of one root."""

    products: list[OptionProduct]
    ticks: list[OptionTicks]
    fees: list[FeeRate]


class OptionTerms(ContractSpec, frozen=True, kw_only=True):
    """The whole file."""

    roots: dict[str, OptionRoot]
    rates: list[ShortRate]


def option_terms() -> OptionTerms:
    """Return the project's `configs/options.yaml`, read once for each working folder.

    Raises ConfigError where it is missing or invalid.
    """
    return _load_terms(os.getcwd())


def option_root(root: str) -> OptionRoot:
    """Return the options of a root. Raises DataError for a root that the file does not have."""
    roots = option_terms().roots
    if root in roots:
        return roots[root]
    hint = did_you_mean(root, roots) or f"Known: {', '.join(roots)}."
    raise DataError(f"no options of {OPTIONS_FILE}.", where=repr(root), hint=hint)


def option_product(symbol: str) -> tuple[str, OptionProduct]:
    """Return the root and the terms of a product, `EW2`. Raises DataError for an unknown one."""
    for root, terms in option_terms().roots.items():
        for one in terms.products:
            if re.fullmatch(one.pattern, symbol):
                return root, one
    raise DataError(
        f"no product of {OPTIONS_FILE}.", where=repr(symbol), hint="Add its style and fixing there."
    )


def option_ticks(root: str, on: date) -> OptionTicks:
    """Return the ticks of a root's options on a day."""
    return latest(option_root(root).ticks, on, lambda one: one.since)


def option_fee(root: str, on: date) -> Decimal:
    """Return the total fee of an option of a root on a day, in USD a contract and side."""
    return latest(option_root(root).fees, on, lambda one: one.since).total


def short_rate(on: date) -> ShortRate:
    """Return the rate in force on a day; before the first entry, the first."""
    return latest(option_terms().rates, on, lambda one: one.since)


@lru_cache(maxsize=8)
def _load_terms(folder: str) -> OptionTerms:
    file = project.find_file(OPTIONS_FILE, folder)
    loaded: OptionTerms = Decoder().decode(OptionTerms, read(file))
    return loaded
