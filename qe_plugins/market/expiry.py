"""Last trading days and first notice days, by the exchange's rules.

Business days are those of the New York Stock Exchange: CL's published dates agree with them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from qe_plugins.errors import DataError
from qe_plugins.market import holidays
from qe_plugins.market.contract_key import MONTH_LETTERS, ContractKey, dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.specs import FirstNotice, LastTrade, market, markets

FIRST, LAST = date(2009, 1, 1), date(2037, 12, 31)
FRIDAY = 4
SECOND = 1_000_000_000
DAY = timedelta(days=1)


def last_trade(key: ContractKey) -> date:
    """Return the last trading day. ES trades until 08:30 on it and settles on opening prices."""
    terms = market(key.root)
    known = terms.expiries.get(key.name)
    return known.last_trade if known else LAST_TRADE[terms.last_trade](key)


def stops_trading(symbol: str, defined: int) -> int:
    """Return when a contract stops trading by the exchange's rules (UTC nanoseconds).

    `defined` is the expiry of its definition, and is returned for an unknown root.
    """
    key = dated_key(symbol, datetime.fromtimestamp(defined // SECOND, CHICAGO).date())
    if key is None or key.root not in markets().roots:
        return defined
    at = LAST_TRADE_TIMES[market(key.root).last_trade]
    return int(datetime.combine(last_trade(key), at, CHICAGO).timestamp()) * SECOND


def first_notice(key: ContractKey) -> date | None:
    """Return the first day on which a long may be assigned delivery; None if cash-settled."""
    if known := market(key.root).expiries.get(key.name):
        return known.first_notice
    rule = market(key.root).first_notice
    return FIRST_NOTICE[rule](key) if rule else None


def position_day(notice: date) -> date:
    """Return the business day whose closing positions may be assigned on first notice day."""
    return _business_day_before(notice, 1)


def limit(key: ContractKey) -> date:
    """Return the day before which a position must be closed: last trade or first notice."""
    notice = first_notice(key)
    return min(last_trade(key), notice) if notice else last_trade(key)


def listed(root: str, start: date) -> Iterator[ContractKey]:
    """Yield the contracts that a root rolls through, from the first whose limit is after a day."""
    letters = market(root).cycle
    for year in range(start.year, LAST.year):
        for month in sorted(MONTH_LETTERS.index(letter) + 1 for letter in letters):
            key = ContractKey(root, year, month)
            if limit(key) > start:
                yield key


def _third_friday(key: ContractKey) -> date:
    first = date(key.year, key.month, 1)
    return _on_or_before(first + timedelta(days=(FRIDAY - first.weekday()) % 7 + 14))


def _third_before_25th(key: ContractKey) -> date:
    year, month = (key.year, key.month - 1) if key.month > 1 else (key.year - 1, 12)
    return _business_day_before(_on_or_before(date(year, month, 25)), 3)


def _third_last(key: ContractKey) -> date:
    return _business_day_before(_last_of_month(key.year, key.month), 2)


def _seventh_before_last(key: ContractKey) -> date:
    return _business_day_before(_last_of_month(key.year, key.month), 7)


def _second_after_last_trade(key: ContractKey) -> date:
    return _business_day_before(last_trade(key), -2)


def _last_of_month_before(key: ContractKey) -> date:
    return _on_or_before(date(key.year, key.month, 1) - DAY)


LAST_TRADE_TIMES: dict[LastTrade, time] = {
    "third_friday": time(8, 30),
    "third_business_day_before_25th": time(13, 30),
    "third_last_business_day": time(12, 30),
    "seventh_business_day_before_last": time(12, 1),
}
"""When trading stops on the last trading day, in Chicago, by the CME's rulebook."""

LAST_TRADE: dict[LastTrade, Callable[[ContractKey], date]] = {
    "third_friday": _third_friday,
    "third_business_day_before_25th": _third_before_25th,
    "third_last_business_day": _third_last,
    "seventh_business_day_before_last": _seventh_before_last,
}
FIRST_NOTICE: dict[FirstNotice, Callable[[ContractKey], date]] = {
    "second_business_day_after_last_trade": _second_after_last_trade,
    "last_business_day_of_month_before": _last_of_month_before,
}


def _last_of_month(year: int, month: int) -> date:
    after = date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)
    return _on_or_before(after - DAY)


def _on_or_before(day: date) -> date:
    days = _business_days()
    if not days[0] < day < days[-1]:
        raise DataError(f"no business days of {day}.", hint=f"They are known to {LAST}.")
    return days[bisect_right(days, day) - 1]


def _business_day_before(day: date, count: int) -> date:
    """Return the business day `count` before a business day, after it where negative."""
    days = _business_days()
    return days[bisect_left(days, day) - count]


@lru_cache(maxsize=1)
def _business_days() -> list[date]:
    return holidays.days("NYSE", FIRST, LAST)
