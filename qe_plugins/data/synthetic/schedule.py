"""Sessions, halts and contract months of generated data.

Short data has New York's trading days and no early closes or halts. Data of several years has the
exchange's own sessions, from the same calendar as rolls and guardians.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec
import numpy as np

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.catalog.selection import Where
from qe_plugins.data.synthetic import contract_months
from qe_plugins.data.synthetic.contract_months import MINUTES, SECOND, ContractMonth
from qe_plugins.data.synthetic.roots import months_of
from qe_plugins.data.synthetic.volume import LEAST, THIN, month_share
from qe_plugins.errors import DataError
from qe_plugins.market.sessions import Session
from qe_plugins.market.sessions import sessions as exchange_sessions
from qe_plugins.market.specs import market

MINUTE = 60 * SECOND
DUST = 1e-6
DAY = timedelta(days=1)


class TapeSchedule(msgspec.Struct, frozen=True):
    """Sessions: dates, opens and closes (UTC ns); `halts` has start and end of one halt in each."""

    days: list[date]
    opens: np.ndarray
    closes: np.ndarray
    halts: np.ndarray
    months: list[ContractMonth]
    least: tuple[float, ...]
    dust: float = 0.0  # a share that counts as none

    def share(self, number: int) -> np.ndarray:
        """Return month `number`'s share of each session's volume, 0 to 1."""
        share = month_share(self.months, number, self.opens, self.least)
        return np.where(share > self.dust, share, 0.0)

    def stamps(self, sessions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return when each minute of some sessions closes (UTC ns), and whether it is open."""
        stamps = self.opens[sessions][:, None] + np.arange(1, MINUTES + 1) * MINUTE
        start, end = self.halts[sessions].T[:, :, None]
        open_ = (stamps <= self.closes[sessions][:, None]) & ((stamps <= start) | (stamps > end))
        return stamps, open_


def plan(settings: SyntheticSettings, where: Where, root: str | None = None) -> TapeSchedule:
    """Return the schedule of a root, by default that of the settings.

    Raises DataError for an invalid start or too few contracts.
    """
    root = root or settings.root
    place = where("synthetic")
    try:
        first = date.fromisoformat(settings.start)
    except ValueError as error:
        raise DataError(
            f"start must be a day, was '{settings.start}'.",
            where=place,
            hint="Write it as '2024-01-02'.",
        ) from error
    if settings.years is None:
        return _short_schedule(settings, root, first, place)
    return _schedule_of_years(root, settings.years, first)


def _short_schedule(
    settings: SyntheticSettings, root: str, first: date, place: str
) -> TapeSchedule:
    days, opens = contract_months.sessions(first, settings.sessions)
    listed = months_of(root, days[0], settings.contracts)
    ahead = months_of(root, days[0], settings.sessions // 15 + 2)
    needed = 1 + sum(month.expiry < opens[-1] for month in ahead)
    if needed > settings.contracts:
        raise DataError(
            f"{settings.sessions} sessions last until {days[-1]}, but {listed[-1].key}, the last "
            f"of {settings.contracts} contracts, expires before.",
            where=place,
            hint=f"Set 'contracts: {needed}' or take fewer sessions.",
        )
    no_halts = np.zeros((opens.size, 2), np.int64)
    return TapeSchedule(days, opens, opens + MINUTES * MINUTE, no_halts, listed, LEAST)


def _schedule_of_years(root: str, years: int, first: date) -> TapeSchedule:
    """Return the contracts of some years, and the sessions up to the expiry of the last of them."""
    listed = months_of(root, first, len(market(root).cycle) * years)
    last = _day_of(listed[-1].expiry)
    found = exchange_sessions(root, first, last)
    opens, closes = (
        _to_nanoseconds([getattr(one, name) for one in found]) for name in ("open", "close")
    )
    halts = np.array([_first_halt(one) for one in found], np.int64)
    return TapeSchedule([one.date for one in found], opens, closes, halts, listed, THIN, DUST)


def _first_halt(session: Session) -> tuple[int, int]:
    if not session.breaks:
        return 0, 0
    first = session.breaks[0]
    return int(first.start.timestamp()) * SECOND, int(first.end.timestamp()) * SECOND


def _to_nanoseconds(moments: list[datetime]) -> np.ndarray:
    return np.array([int(moment.timestamp()) for moment in moments]) * SECOND


def _day_of(moment: int) -> date:
    return date(1970, 1, 1) + moment // (86_400 * SECOND) * DAY
