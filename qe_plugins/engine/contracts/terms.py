"""Fees and margins of each root by date: from `contracts:`, else from configs/markets.yaml."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.errors import DataError, did_you_mean
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.option_terms import OPTIONS_FILE, option_root
from qe_plugins.market.specs import FILE, market

if TYPE_CHECKING:
    from nautilus_trader.model import FuturesContract

    from qe_plugins.config.loader import Loaded
    from qe_plugins.config.schema import ContractSettings
    from qe_plugins.data.tape import Tape
    from qe_plugins.market.specs import RootSpec

OPENS = time(17)  # in Chicago on the evening before: a session's date begins
CONFIGURED = "`contracts:`"


class FeePeriod(msgspec.Struct, frozen=True):
    """A fee per contract and side in USD, from a moment on (UTC nanoseconds)."""

    since: int
    amount: Decimal


class MarginRates(msgspec.Struct, frozen=True):
    """Margins per contract in USD, from a moment on (UTC nanoseconds)."""

    since: int
    initial: Decimal
    maintenance: Decimal
    day_trade: Decimal | None = None

    def during(self, basis: str) -> MarginRates:
        """Return the margins inside a session on a basis: `overnight` or `day_trade`."""
        if basis == "overnight" or self.day_trade is None:
            return self
        return MarginRates(self.since, self.day_trade, self.day_trade, self.day_trade)


class ContractTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Fees and margins of one root over a run, oldest first, and their source.

    `start` is that of the run (UTC nanoseconds): the first entry of a table may be later.
    """

    root: str
    fees: Sequence[FeePeriod]
    margins: Sequence[MarginRates]
    source: str
    start: int = 0

    def fee(self, ts: int) -> Decimal:
        """Return the fee per contract and side in force at a moment (UTC nanoseconds)."""
        return in_force_at(self.fees, ts).amount

    def margin(self, ts: int) -> MarginRates:
        """Return the margins in force at a moment (UTC nanoseconds)."""
        return in_force_at(self.margins, ts)


def in_force_at[T: (FeePeriod, MarginRates)](entries: Sequence[T], ts: int) -> T:
    """Return the entry in force at a moment (UTC ns); before the first one, the first."""
    if len(entries) == 1:
        return entries[0]
    return entries[max(bisect_right(entries, ts, key=lambda one: one.since) - 1, 0)]


def contract_terms(
    loaded: Loaded, contracts: Iterable[FuturesContract], start: int, end: int
) -> dict[str, ContractTerms]:
    """Return the terms of each root on the tape, from `start` to `end` (UTC nanoseconds).

    Raises ConfigError for a root that neither `contracts:` nor the table has, for a fee in parts of
    a cent, and for a day-trade margin that is needed and unknown.
    """
    found = {}
    for root in sorted({contract.underlying for contract in contracts}):
        written = loaded.config.contracts.get(root)
        found[root] = (
            from_config(root, written) if written else from_table(loaded, root, start, end)
        )
        if parts := [fee.amount for fee in found[root].fees if fee.amount * 100 % 1]:
            raise loaded.error(
                f"a fee must be in whole cents, as each fill is charged, was {parts[0]}.",
                *("contracts", root, "fee"),
            )
        if loaded.config.margin.basis == "day_trade":
            _check_day_trade(loaded, found[root])
    return found


def option_terms(tape: Tape) -> dict[str, ContractTerms]:
    """Return the fees of a run's options by the root of their futures, from the dated table.

    They have no margins a contract: an option's margin is a scan of the whole position.
    """
    found = {}
    for root in sorted({one.root for one in tape.options}):
        fees = [FeePeriod(session_start(one.since), one.total) for one in option_root(root).fees]
        found[root] = ContractTerms(
            root=f"{root} options",
            fees=in_force_between(fees, tape.start, tape.end),
            margins=[],
            source=str(OPTIONS_FILE),
            start=tape.start,
        )
    return found


def from_config(root: str, written: ContractSettings) -> ContractTerms:
    """Return the terms of a root from `contracts:`."""
    margins = MarginRates(0, written.margin_init, written.margin_maint, written.day_trade)
    return ContractTerms(
        root=root, fees=[FeePeriod(0, written.fee)], margins=[margins], source=CONFIGURED
    )


def from_table(loaded: Loaded, root: str, start: int, end: int) -> ContractTerms:
    """Return the terms of a root from the dated table, those in force during a run."""
    try:
        table: RootSpec = market(root)
    except DataError as error:
        known = loaded.config.contracts
        hint = did_you_mean(root, known) or f"Write them, or add the root to {FILE}."
        raise loaded.error(f"no fee and margins for {root}.", "contracts", hint=hint) from error
    fees = [FeePeriod(session_start(one.since), one.total) for one in table.fees]
    margins = [
        MarginRates(session_start(one.since), one.initial, one.maintenance, one.day_trade)
        for one in table.margins
    ]
    return ContractTerms(
        root=root,
        fees=in_force_between(fees, start, end),
        margins=in_force_between(margins, start, end),
        source=str(FILE),
        start=start,
    )


def in_force_between[T: (FeePeriod, MarginRates)](
    entries: list[T], start: int, end: int
) -> list[T]:
    """Return the entries in force between two moments (UTC ns), both inclusive."""
    entries = sorted(entries, key=lambda one: one.since)
    first = in_force_at(entries, start)
    return [one for one in entries if one is first or start < one.since <= end]


def session_start(day: date) -> int:
    """Return when a session's date begins, in UTC nanoseconds."""
    evening = datetime.combine(day - timedelta(days=1), OPENS, CHICAGO)
    return int(evening.timestamp()) * 1_000_000_000


def session_date(ts: int) -> str:
    """Return the date of the session that begins at a moment (UTC nanoseconds), `2022-01-21`."""
    evening = datetime.fromtimestamp(ts // 1_000_000_000, CHICAGO)
    return f"{evening + timedelta(days=1):%Y-%m-%d}"


def _check_day_trade(loaded: Loaded, terms: ContractTerms) -> None:
    for margins in terms.margins:
        if margins.day_trade is None:
            since = f" from {session_date(margins.since)}" if margins.since else ""
            raise loaded.error(
                f"no day-trade margin of {terms.root}{since} in {terms.source}.",
                "margin",
                "basis",
                hint=f"Write contracts.{terms.root}.day_trade, or use overnight margins.",
            )


def fees_in_words(terms: ContractTerms, currency: str) -> list[str]:
    """Return a sentence a fee, with the table and the day from which it is in force."""
    return [
        f"{terms.root}: {one.amount} {currency} a contract and side"
        f"{_source(one, terms.fees, terms)}."
        for one in terms.fees
    ]


def margins_in_words(terms: ContractTerms, currency: str) -> list[str]:
    """Return a sentence a margin, with the table and the day from which it is in force."""
    return [
        f"{terms.root}: margin {one.initial:,} {currency} to open, {one.maintenance:,} to hold"
        f"{_day_trade_text(one)}{_source(one, terms.margins, terms)}."
        for one in terms.margins
    ]


def _source[T: (FeePeriod, MarginRates)](one: T, entries: Sequence[T], terms: ContractTerms) -> str:
    if not one.since:
        return f" ({terms.source})"
    first = ", the first there is" if one is entries[0] and one.since > terms.start else ""
    return f" ({terms.source} as of {session_date(one.since)}{first})"


def _day_trade_text(margins: MarginRates) -> str:
    return "" if margins.day_trade is None else f", {margins.day_trade:,} inside a session"
