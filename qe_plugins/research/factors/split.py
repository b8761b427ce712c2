"""Halves of a history by month, with purge, embargo and a span that no test reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.research.factors.settings import Split

ODD = "odd"


class Halves(msgspec.Struct, frozen=True):
    """Which decisions belong to which half, and how many were left out for which reason."""

    explore: np.ndarray
    confirm: np.ndarray
    purged: int
    embargoed: int
    locked: int

    @property
    def kept(self) -> np.ndarray:
        """Return the decisions of both halves: what a test may read."""
        return np.asarray(self.explore | self.confirm)


def divide(session: np.ndarray, label_session: np.ndarray, split: Split) -> Halves:
    """Return the two halves of decisions.

    `session` and `label_session` are dates (datetime64[D]) of a decision and of the last price of
    its label. Decisions whose label ends in another month are purged, those whose label reaches
    into the lockbox are locked.
    """
    month = session.astype("datetime64[M]")
    number = month.astype(np.int64) % 12 + 1
    crosses = label_session.astype("datetime64[M]") != month
    locked = np.zeros(len(session), dtype=bool)
    if split.lockbox is not None:
        first, last = (np.datetime64(day, "D") for day in split.lockbox)
        locked = (label_session >= first) & (session < last)
    embargoed = _first_sessions(session, month, split.embargo) & ~locked
    purged = crosses & ~locked & ~embargoed
    kept = ~(locked | embargoed | purged)
    odd = number % 2 == 1
    explore = odd if split.explore == ODD else ~odd
    return Halves(
        explore=kept & explore,
        confirm=kept & ~explore,
        purged=int(purged.sum()),
        embargoed=int(embargoed.sum()),
        locked=int(locked.sum()),
    )


def missing_months(session: np.ndarray, lockbox: tuple[date, date] | None) -> list[str]:
    """Return the months between the first and the last session that have none, as 2013-10."""
    months = np.unique(session.astype("datetime64[M]"))
    every = np.arange(months[0], months[-1] + np.timedelta64(1, "M"))
    absent = [month for month in every if month not in months]
    if lockbox is not None:
        first, last = (np.datetime64(day, "D") for day in lockbox)
        absent = [m for m in absent if not first <= m.astype("datetime64[D]") < last]
    return [str(month) for month in absent]


def check_months(session: np.ndarray, split: Split) -> None:
    """Raise DataError where the data lacks a month, or begins inside the lockbox alone."""
    absent: Sequence[str] = missing_months(session, split.lockbox)
    if absent:
        more = "" if len(absent) <= 6 else f" and {len(absent) - 6} more"
        raise DataError(
            f"the data has no sessions in {', '.join(absent[:6])}{more}.",
            hint="Get them, or choose a span without gaps: halves alternate by month.",
        )


def check_halves(halves: Halves, split: Split) -> None:
    """Raise DataError where no decision is left for one of the halves."""
    for months, half in ((split.explore, halves.explore), (split.confirm, halves.confirm)):
        if not half.any():
            raise DataError(
                f"no decision is left in {months} months.",
                hint="Take a longer history: half of its months propose, the others confirm.",
            )


def _first_sessions(session: np.ndarray, month: np.ndarray, count: int) -> np.ndarray:
    days = np.unique(session)
    found = np.zeros(len(session), dtype=bool)
    for one in np.unique(month) if count else ():
        first = days[days.astype("datetime64[M]") == one][:count]
        found |= np.isin(session, first)
    return found
