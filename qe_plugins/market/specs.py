"""Read and check `configs/markets.yaml`: contract terms, session hours, fees, margins."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from qe_plugins import project
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.yaml_reader import read
from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.contract_key import MONTH_LETTERS
from qe_plugins.units import Money

FILE = Path("configs") / "markets.yaml"

type LastTrade = Literal[
    "third_friday",
    "third_business_day_before_25th",
    "third_last_business_day",
    "seventh_business_day_before_last",
]
type FirstNotice = Literal[
    "second_business_day_after_last_trade", "last_business_day_of_month_before"
]
type Positive = Annotated[int, msgspec.Meta(ge=1)]


class ContractSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections of the file; unknown keys are errors."""


class FeeRate(ContractSpec, frozen=True, kw_only=True):
    """Fees of one contract per side, in USD, from a day on."""

    since: date = msgspec.field(name="from")
    exchange: Money
    clearing: Money
    regulatory: Money
    broker: Money
    source: str

    @property
    def total(self) -> Money:
        """Return the total fee of one contract per side, in USD."""
        return self.exchange + self.clearing + self.regulatory + self.broker


class MarginRate(ContractSpec, frozen=True, kw_only=True):
    """Margins of one contract, in USD, from a day on; `day_trade` is None where unknown."""

    since: date = msgspec.field(name="from")
    initial: Money
    maintenance: Money
    day_trade: Money | None = None
    source: str


class ExpiryDates(ContractSpec, frozen=True, kw_only=True):
    """Dates of a contract that differ from the rule of its root."""

    last_trade: date
    first_notice: date
    source: str


class RootSpec(ContractSpec, frozen=True, kw_only=True):
    """Terms of a root. `tick` is in points, `multiplier` in USD a point, months are letters.

    A contract is held until `hold_until` sessions before its last trade or first notice;
    `expiries` are by name, `CLZ11`.
    """

    name: str
    exchange: str
    tick: Money
    multiplier: Money
    currency: str = "USD"
    months: str
    roll_months: str = ""
    listed: date | None = None
    last_trade: LastTrade
    first_notice: FirstNotice | None = None
    sessions: str
    hold_until: Positive
    expiries: dict[str, ExpiryDates] = {}
    fees: list[FeeRate]
    margins: list[MarginRate]

    def __post_init__(self) -> None:
        for letter in self.months + self.roll_months:
            if letter not in MONTH_LETTERS:
                raise ValueError(f"months must be letters of {MONTH_LETTERS}, was {letter!r}")
        if not self.fees or not self.margins:
            raise ValueError("fees and margins need at least one entry each")

    @property
    def cycle(self) -> str:
        """Return the delivery months that positions roll through."""
        return self.roll_months or self.months


class TradingHours(ContractSpec, frozen=True, kw_only=True):
    """A regular session in Chicago from a day on; `open` is on the evening before."""

    since: date = msgspec.field(name="from")
    open: str
    close: str
    after_closed: str | None = None
    breaks: list[str] = []
    source: str


class SpecialDay(ContractSpec, frozen=True, kw_only=True):
    """Correction of one day of the calendar: closed, or with another close or open.

    `open` is on the evening before. `doubtful` marks a day without a source.
    """

    closed: bool = False
    close: str | None = None
    open: str | None = None
    reason: str
    source: str = ""
    doubtful: bool = False

    def __post_init__(self) -> None:
        if not self.source and not self.doubtful:
            raise ValueError("a special day needs its source, or must be marked 'doubtful: true'")


class EarlyClose(ContractSpec, frozen=True, kw_only=True):
    """Correction of an early close that the calendar lists, `since` until `until`, exclusive."""

    since: date = msgspec.field(name="from")
    until: date
    listed: str
    close: str
    source: str


class SpecFamily(ContractSpec, frozen=True, kw_only=True):
    """Sessions of a family of roots: a calendar of pandas_market_calendars, and corrections."""

    calendar: str
    hours: list[TradingHours]
    early: list[EarlyClose] = []
    days: dict[str, SpecialDay] = {}


class MarketSpecs(ContractSpec, frozen=True, kw_only=True):
    """The whole file."""

    roots: dict[str, RootSpec]
    sessions: dict[str, SpecFamily]

    def __post_init__(self) -> None:
        for name, root in self.roots.items():
            if root.sessions not in self.sessions:
                raise ValueError(f"{name} has sessions of no family {root.sessions!r}")


def markets() -> MarketSpecs:
    """Return the project's `configs/markets.yaml`, read once for each working folder.

    Raises ConfigError where it is missing or invalid.
    """
    return _load_markets(os.getcwd())


def market(root: str) -> RootSpec:
    """Return a root's specification. Raises DataError for a root that the file does not have."""
    roots = markets().roots
    if root in roots:
        return roots[root]
    hint = did_you_mean(root, roots) or f"Known: {', '.join(roots)}."
    raise DataError(f"no root of {FILE}.", where=repr(root), hint=hint)


@lru_cache(maxsize=8)
def _load_markets(folder: str) -> MarketSpecs:
    loaded: MarketSpecs = Decoder().decode(MarketSpecs, read(project.find_file(FILE, folder)))
    return loaded


def latest[T](entries: list[T], on: date, since: Callable[[T], date]) -> T:
    """Return the entry in force on a day; before the first one, the first."""
    begun = [entry for entry in entries if since(entry) <= on]
    return max(begun, key=since) if begun else min(entries, key=since)


__all__ = ["FeeRate", "MarginRate", "fees", "margins"]


def fees(root: str, on: date) -> FeeRate:
    """Return the fees of one contract, one side, on a day, in USD.

    Before the first entry of `configs/markets.yaml` the first one applies; its `since` is then
    later than `on`. Raises DataError for an unknown root.
    """
    return latest(market(root).fees, on, lambda fee: fee.since)


def margins(root: str, on: date) -> MarginRate:
    """Return the margins of one contract on a day, in USD; see `fees` for days before the first."""
    return latest(market(root).margins, on, lambda margin: margin.since)
