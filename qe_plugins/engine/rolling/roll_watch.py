"""When a root rolls in a session: decided by figures of the days before, found as bars close.

`roll_points` finds the same moments on a whole tape. Here nothing is known ahead: the calendar
names the day of a roll once the session before it has closed, and the roll point is the first
minute of that day's regular hours in which both contracts trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from qe_plugins.engine.rolling.roll_points import DAY, REGULAR, RollPoint
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.roll_calendar import Figures, Roll, Rule, roll_calendar
from qe_plugins.market.sessions import next_session, sessions

SECOND = 1_000_000_000


class RollWatch:
    """The front month of one root in a session. `front` is the id of the current contract.

    `figures` are volume or open interest of the days before, `first` the first of these days; so a
    session that starts in the middle of a quarter knows what was overtaken before. `expiries` are
    those of the contracts that a session has, by id (UTC nanoseconds).
    """

    def __init__(
        self,
        root: str,
        rule: Rule,
        first: date,
        expiries: Mapping[str, int],
        figures: Mapping[date, Mapping[ContractKey, int]] | None = None,
    ) -> None:
        self._root, self._rule, self._first = root, rule, first
        self._expiries = dict(expiries)
        self._figures: Figures = {day: dict(found) for day, found in (figures or {}).items()}
        self._day: date | None = None
        self._keys: dict[str, ContractKey | None] = {}
        self._closes_at = 0
        self._due: Roll | None = None
        self._last: dict[str, tuple[int, Decimal]] = {}
        self._passed: set[str] = set()
        self.front: str | None = None

    @property
    def due(self) -> Roll | None:
        """Return the roll whose day has come and that has not been passed, None without one."""
        return self._due

    def pairs(self, contract: str) -> bool:
        """Return whether a bar of a contract may complete a roll point: the roll is due."""
        return self._due is not None and contract in (self._due.before, self._due.after)

    def open_interest(self, day: date, contract: str, contracts: int) -> None:
        """Take the open interest of a contract at the end of a day."""
        key = self._key(contract, day)
        if key is not None and self._rule is Rule.OPEN_INTEREST:
            self._figures.setdefault(day, {})[key] = contracts

    def on_bar(self, contract: str, ts: int, close: Decimal, volume: int) -> RollPoint | None:
        """Take a closed bar (`ts` UTC nanoseconds); return the roll point that it completes.

        Bars of all contracts of the root are given, in the order in which they closed.
        """
        if ts > self._closes_at:
            self._begin_day(ts)
        assert self._day is not None
        if self._rule is Rule.VOLUME and (key := self._key(contract, self._day)) is not None:
            known = self._figures.setdefault(self._day, {})
            known[key] = known.get(key, 0) + volume
        return self._roll_point(self._due, contract, ts, close) if self.pairs(contract) else None

    def _begin_day(self, ts: int) -> None:
        """Begin the trading day of a bar, and decide by the days before which contract is front."""
        session = next_session(self._root, ts - 1)
        self._day, self._closes_at = session.date, int(session.close.timestamp()) * SECOND
        days = [one.date for one in sessions(self._root, min(self._first, self._day), self._day)]
        before = {day: found for day, found in self._figures.items() if day < self._day}
        listed = (self._key(contract, days[0]) for contract in self._expiries)
        before.setdefault(days[0], dict.fromkeys((key for key in listed if key is not None), 0))
        self._keys.clear()
        calendar = roll_calendar(self._root, self._rule, days, before)
        if self.front is None:
            self.front = calendar.front(self._day)
            known = [roll for roll in calendar.rolls if roll.date < self._day]
            self._passed = {roll.after for roll in known}
            if calendar.rolls and calendar.rolls[-1].date == self._day:
                self.front = calendar.rolls[-1].before
        coming = [roll for roll in calendar.rolls if roll.after not in self._passed]
        self._due = self._due or next(iter(coming), None)

    def _roll_point(
        self, roll: Roll | None, contract: str, ts: int, close: Decimal
    ) -> RollPoint | None:
        assert roll is not None
        self._last[contract] = ts, close
        expiry = self._expiries.get(roll.before)
        before, after = self._last.get(roll.before), self._last.get(roll.after)
        shared = before is not None and after is not None and before[0] == after[0] == ts
        if shared and (is_regular(ts) or (expiry is not None and ts > expiry - DAY)):
            assert before is not None
            assert after is not None
            return self._pass(roll, ts, (before[1], after[1]))
        if contract == roll.after and (expiry is None or ts > expiry):
            return self._pass(roll, ts, None)
        missing = roll.after not in self._expiries
        if missing and contract == roll.before and is_regular(ts):
            return self._pass(roll, ts, None)
        return None

    def _pass(self, roll: Roll, ts: int, prices: tuple[Decimal, Decimal] | None) -> RollPoint:
        self._passed.add(roll.after)
        self.front, self._due = roll.after, None
        self._last.clear()
        pair = (prices[0].normalize(), prices[1].normalize()) if prices else None
        return RollPoint(ts, roll.before, roll.after, roll.reason, pair)

    def _key(self, contract: str, day: date) -> ContractKey | None:
        if contract not in self._keys:
            self._keys[contract] = dated_key(contract.partition(".")[0], day)
        return self._keys[contract]


def is_regular(ts: int) -> bool:
    """Return whether a bar that closed at `ts` (UTC nanoseconds) lies in regular hours."""
    local = datetime.fromtimestamp(ts // SECOND, UTC).astimezone(CHICAGO).time()
    return REGULAR[0] < local <= REGULAR[1]
