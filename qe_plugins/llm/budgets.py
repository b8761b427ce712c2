"""Budgets in USD: for a call, a scan, a day, a rank of the tree."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from qe_plugins.units import Money


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in USD; None is no limit. `ranks` limits the calls of one rank within a scan.

    A day is a day of UTC, and its limit holds for every process that shares the ledger.
    """

    call: Money | None = None
    scan: Money | None = None
    day: Money | None = None
    ranks: dict[str, Money] = {}


DAY = 86_400_000_000_000
NONE = Budgets()


def day_of(at_ns: int) -> str:
    """Return the UTC day of a point in time, `2026-11-23`."""
    return _day(at_ns // DAY)


@lru_cache
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()


@lru_cache(maxsize=1_024)
def scopes(day: str, scan: str, rank: str) -> tuple[str, str, str]:
    """Return the names of the budgets that a call counts against: day, scan, rank."""
    return f"day:{day}", f"scan:{scan}", f"rank:{scan}:{rank}"


def limits(budgets: Budgets, scan: str, rank: str, at_ns: int) -> dict[str, Decimal]:
    """Return the limits of a call in USD, by the name of the budget."""
    most = budgets.day, budgets.scan, budgets.ranks.get(rank)
    named = zip(scopes(day_of(at_ns), scan, rank), most, strict=True)
    return {scope: limit for scope, limit in named if limit is not None}
