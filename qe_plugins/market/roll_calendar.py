"""The front month of each session, decided by figures known after the session before.

There is one calendar per root and rule, used by backtests, research and live trading alike. It only
moves forward, and leaves a contract before it expires or may be delivered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date as Date  # noqa: N812 - `date` is the name of a field
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import msgspec

from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey
from qe_plugins.market.expiry import last_trade, limit, listed
from qe_plugins.market.sessions import session_on, sessions, shifted
from qe_plugins.market.specs import market

type Figures = dict[Date, dict[ContractKey, int]]
"""Volume or open interest by session and contract."""


class Rule(StrEnum):
    """What decides the front month: volume, open interest, or the exchange's dates."""

    VOLUME = "volume"
    OPEN_INTEREST = "open_interest"
    CALENDAR = "calendar"


class PricePair(msgspec.Struct, frozen=True):
    """Prices of the old and the new contract of a roll at one time, in points."""

    at: str
    before: Decimal
    after: Decimal


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """A change of contract: `date` is the first session on `after`, decided by session `known`.

    Contracts are ids, `ESZ13.XCME`.
    """

    date: Date
    known: Date
    before: str
    after: str
    reason: str
    prices: PricePair | None = None


class RollCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """The front month of every session from `start` to `end`: `first`, then by rolls."""

    root: str
    rule: Rule
    start: Date
    end: Date
    first: str
    rolls: tuple[Roll, ...] = ()

    def front(self, day: Date) -> str:
        """Return the front month (id) of a session. Raises DataError outside the calendar."""
        if not self.start <= day <= self.end:
            raise DataError(
                f"the roll calendar has no {day}.",
                where=self.root,
                hint=f"It goes from {self.start} to {self.end}.",
            )
        passed = bisect_right([roll.date for roll in self.rolls], day)
        return self.rolls[passed - 1].after if passed else self.first

    def between(self, start: Date, end: Date) -> RollCalendar:
        """Return the part from one session to another, both inclusive and inside the calendar.

        With the calendar's own `start` this is the calendar as known on `end`.
        """
        kept = tuple(roll for roll in self.rolls if start < roll.date <= end)
        first = self.front(start)
        return msgspec.structs.replace(self, start=start, end=end, first=first, rolls=kept)


def roll_calendar(
    root: str, rule: Rule, days: Sequence[Date], figures: Mapping[Date, Mapping[ContractKey, int]]
) -> RollCalendar:
    """Return the calendar of sessions `days`, by figures of each session, without prices.

    The next contract becomes the front month on the session after one in which its figure was
    higher, except on an early close, and in any case after the front month's last session. The
    first front month is the first contract that may still be held and has figures on the first
    day. `days` must be sessions only: no stub of a Sunday evening.
    """
    contracts = listed(root, days[0])
    first = _first_front(contracts, days[0], figures.get(days[0], {}))
    front, following, last = first, next(contracts), last_session(first)
    rolls = []
    for known, day in pairwise(days):
        reason = _deadline_reason(rule, front) if day > last else None
        overtaken = _figure_reason(rule, known, figures.get(known, {}), front, following)
        if overtaken and _is_full_session(root, day):
            reason = overtaken
        if reason:
            before, after = contract_id(front), contract_id(following)
            rolls.append(Roll(date=day, known=known, before=before, after=after, reason=reason))
            front, following = following, next(contracts)
            last = last_session(front)
    return RollCalendar(
        root=root,
        rule=rule,
        start=days[0],
        end=days[-1],
        first=contract_id(first),
        rolls=tuple(rolls),
    )


def _first_front(
    contracts: Iterator[ContractKey], day: Date, figures: Mapping[ContractKey, int]
) -> ContractKey:
    """Return the first contract that may be held on a day, of those with figures if any has."""
    nearest = next(one for one in contracts if last_session(one) >= day)
    letters = market(nearest.root).cycle
    there = [one for one in figures if one >= nearest and one.letter in letters]
    front = min(there, default=nearest)
    return front if front == nearest else next(one for one in contracts if one == front)


def next_deadline(root: str, day: Date) -> Roll:
    """Return the first roll after a day that the exchange's dates force; figures may come sooner.

    Raises DataError for a root or a day that is not known.
    """
    contracts = listed(root, day)
    front = next(one for one in contracts if last_session(one) >= day)
    last = last_session(front)
    return Roll(
        date=shifted(root, last, 1),
        known=last,
        before=contract_id(front),
        after=contract_id(next(contracts)),
        reason=_deadline_reason(Rule.VOLUME, front),
    )


def last_session(key: ContractKey) -> Date:
    """Return the last session on which a contract may be the front month.

    The session after it, on which positions are rolled, has no early close.
    """
    rolled = shifted(key.root, limit(key), 1 - market(key.root).hold_until)
    while not _is_full_session(key.root, rolled):
        rolled = shifted(key.root, rolled, -1)
    return shifted(key.root, rolled, -1)


def sessions_left(key: ContractKey, day: Date) -> int:
    """Return for how many sessions after a day a contract may be the front month, by its dates.

    0 on its last session: positions are rolled on the next.
    """
    return max(len(sessions(key.root, day, last_session(key))) - 1, 0)


def _is_full_session(root: str, day: Date) -> bool:
    session = session_on(root, day)
    return session is not None and not session.early


def contract_id(key: ContractKey) -> str:
    """Return the id of a contract, `ESZ13.XCME`."""
    return f"{key}.{market(key.root).exchange}"


def _figure_reason(
    rule: Rule,
    known: Date,
    figures: Mapping[ContractKey, int],
    front: ContractKey,
    following: ContractKey,
) -> str | None:
    ours, theirs = figures.get(front), figures.get(following)
    if rule is Rule.CALENDAR or ours is None or theirs is None or theirs <= ours:
        return None
    what = rule.replace("_", " ")
    return f"{what} on {known}: {following} {theirs:,} > {front} {ours:,}"


def _deadline_reason(rule: Rule, front: ContractKey) -> str:
    by = "calendar" if rule is Rule.CALENDAR else "deadline"
    ends = "last trade" if limit(front) == last_trade(front) else "first notice"
    count = len(sessions(front.root, last_session(front), limit(front))) - 1
    plural = "session" if count == 1 else "sessions"
    return f"{by}: {count} {plural} before {front}'s {ends} on {limit(front)}"
