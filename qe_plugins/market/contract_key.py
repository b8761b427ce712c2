"""A dated contract's key: root, delivery year and month.

A raw CME name has one year digit, so `ESH5` is March 2015 and March 2025. This program uses
`ContractKey`, written with two digits (`ESH15`), which is unique within a century.
"""

from __future__ import annotations

import re
from datetime import date

import msgspec

MONTH_LETTERS = "FGHJKMNQUVXZ"
DATED = re.compile(rf"(?P<root>[A-Z0-9]{{1,3}})(?P<month>[{MONTH_LETTERS}])(?P<year>\d{{1,2}})")


class ContractKey(msgspec.Struct, frozen=True, order=True):
    """One dated contract. Keys of one root sort by delivery month; `month` is 1 to 12."""

    root: str
    year: int
    month: int

    @property
    def letter(self) -> str:
        """Return the delivery month's letter, `Z` for December."""
        return MONTH_LETTERS[self.month - 1]

    @property
    def name(self) -> str:
        """Return the name with a two-digit year, `ESH15`."""
        return f"{self.root}{self.letter}{self.year % 100:02d}"

    @property
    def raw(self) -> str:
        """Return the name as CME's feed writes it, with one digit, `ESH5`."""
        return f"{self.root}{self.letter}{self.year % 10}"

    def __str__(self) -> str:
        return self.name


def dated_key(name: str, on: date) -> ContractKey | None:
    """Return the key of `ESH5` or `ESH15` as read on a date, or None for any other text.

    Two digits are a year of this century. One digit is the first such delivery month that is not
    past on that date, since contracts are listed at most ten years ahead: `ESH5` is March 2015 in
    2014 and March 2025 in 2023.
    """
    found = DATED.fullmatch(name)
    if found is None:
        return None
    root, letter, digits = found.groups()
    month = MONTH_LETTERS.index(letter) + 1
    year = 2000 + int(digits) if len(digits) == 2 else _next_year_of_digit(int(digits), month, on)
    return ContractKey(root, year, month)


def root_of_name(name: str) -> str | None:
    """Return the root of `ESH5` or `ESH15`, None for any other text."""
    found = DATED.fullmatch(name)
    return found["root"] if found else None


def _next_year_of_digit(digit: int, month: int, on: date) -> int:
    first = on.year if month >= on.month else on.year + 1
    return first + (digit - first) % 10
