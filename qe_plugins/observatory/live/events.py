"""What comes next on the calendar: break, close or open, the roll's deadline, weekly approval.

Roots are those of the contracts that sessions watch, else of the run that was started last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time

from qe_plugins.errors import QeError
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.expiry import limit
from qe_plugins.market.sessions import next_session
from qe_plugins.mission import desk
from qe_plugins.observatory.live.strip import StripEvent

DEFAULT_ROOT = "ES"


def next_events(contracts: Iterable[str], now: datetime) -> tuple[StripEvent, ...]:
    """Return the next stop or open of trading, and of what is watched the nearest deadline.

    While a session watches contracts, the weekly approval is the last of them.
    """
    names = sorted({one.partition(".")[0] for one in contracts})
    keys = [key for name in names if (key := dated_key(name, now.date())) is not None]
    root = keys[0].root if keys else DEFAULT_ROOT
    found: list[StripEvent] = []
    try:
        session = next_session(root, now)
        if session.trades_at(now):
            stop = session.next_stop(now)
            found.append(_event(f"{root} stops", stop))
        else:
            starts = [one.end for one in session.breaks if one.start <= now < one.end]
            found.append(_event(f"{root} opens", starts[0] if starts else session.open))
        for key in keys:
            last = datetime.combine(limit(key), time(16, 0), CHICAGO)
            found.append(_event(f"{key.name} is held until", last))
    except QeError:
        return tuple(found)  # no markets.yaml here, or a root that it does not have
    nearest = sorted(found, key=lambda one: one.at_ms)[:2]
    return (*nearest, *([next_approval(now)] if keys else []))


def next_approval(now: datetime) -> StripEvent:
    """Return when the gateway's login is to be approved next."""
    return _event("weekly approval", desk.next_approval(now))


def _event(name: str, at: datetime) -> StripEvent:
    return StripEvent(name=name, at_ms=int(at.astimezone(UTC).timestamp() * 1000))
