"""The decision points of a fleet: moments of sessions at which it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from qe_plugins.config.schema import DataSettings
from qe_plugins.fleet.settings import DecisionPoints
from qe_plugins.market.sessions import Session, sessions

SECOND = 1_000_000_000
AFTER_OPEN = timedelta(minutes=1)
"""A decision at the open is taken when the first bar of the session has closed."""

SYMBOL = re.compile(r"^([A-Z0-9]{1,3}?)[FGHJKMNQUVXZ]\d{1,2}(?:\.|$)")
DEFAULT_ROOT = "ES"


def decision_points(rule: DecisionPoints, root: str, start: datetime, end: datetime) -> list[int]:
    """Return the moments of `rule` from `start` to before `end`, UTC nanoseconds.

    They are inside the sessions of `root`, and at halts there are none.
    """
    first, last = start.date() - timedelta(days=1), end.date() + timedelta(days=1)
    moments = (at for one in sessions(root, first, last) for at in _of_session(rule, one))
    return [int(at.timestamp()) * SECOND for at in moments if start <= at < end]


def _of_session(rule: DecisionPoints, session: Session) -> Iterator[datetime]:
    if rule.on is not None:
        yield session.open + AFTER_OPEN
        return
    assert rule.every is not None
    step = timedelta(seconds=rule.every)
    at = session.open + step
    while at < session.close:
        if session.trades_at(at):
            yield at
        at += step


def root_of(data: DataSettings) -> str:
    """Return the root whose sessions a fleet's `data:` follows; ES where it names none."""
    if data.synthetic is not None:
        return data.synthetic.root
    if data.roots:
        return data.roots[0]
    return next((root_in(one) for one in data.instruments if root_in(one)), DEFAULT_ROOT)


def root_in(contract: str) -> str:
    """Return the root of a dated contract, `ES` of `ESZ13.XCME`; empty for another name."""
    found = SYMBOL.match(contract)
    return found[1] if found else ""


def midnight(day: date) -> datetime:
    """Return the begin of a day of UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
