"""Whether a root's market stands at a moment: halts, early closes and holidays are known."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from qe_plugins.errors import DataError
from qe_plugins.market.expiry import first_notice, position_day
from qe_plugins.market.keys import dated_key
from qe_plugins.market.sessions import next_session, session_on
from qe_plugins.market.terms import markets

CHICAGO = ZoneInfo("America/Chicago")
SECOND = 1_000_000_000


def closed_until(root: str, ts: int) -> datetime | None:
    """Return when, in Chicago, a market that is closed at `ts` (UTC ns) opens; None while open.

    What nothing is known of, a root or a time, is taken to be open.
    """
    found = stretch(root, ts)
    return datetime.fromtimestamp(found[0] // SECOND, CHICAGO) if found and ts < found[0] else None


def stretch(root: str, ts: int) -> tuple[int, int] | None:
    """Return when the stretch of trading that holds `ts`, or else the next one, starts and ends.

    All are UTC nanoseconds; a halt ends a stretch. None for a root that `configs/markets.yaml`
    does not have, or a time of which no sessions are known.
    """
    if root not in markets().roots:
        return None
    try:
        session = next_session(root, ts)
    except DataError:
        return None
    halts = (edge for halt in session.breaks for edge in (halt.start, halt.end))
    edges = [int(edge.timestamp()) * SECOND for edge in (session.open, *halts, session.close)]
    spans = list(pairwise(edges))[::2]
    return next(span for span in spans if ts < span[1])


def delivery(symbol: str, expires: int) -> tuple[int, date] | None:
    """Return when a contract must be gone lest it is delivered (UTC ns), and its first notice day.

    That is the close of the business day before. None for what expires before (`expires` is UTC
    ns), what is settled in cash, and what nothing is known of.
    """
    key = dated_key(symbol, datetime.fromtimestamp(expires // SECOND, CHICAGO).date())
    if key is None or key.root not in markets().roots:
        return None
    if (notice := first_notice(key)) is None:
        return None
    session = session_on(key.root, position_day(notice))
    closes = int(session.close.timestamp()) * SECOND if session else expires
    return (closes, notice) if closes < expires else None
