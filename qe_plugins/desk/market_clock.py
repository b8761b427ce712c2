"""The clock that a desk goes by: the wall's beside a live market, the session's in a replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from qe_plugins.desk.session_process import SessionProcess

POLL = 1.0
"""Seconds between two looks at a session: its heartbeats come as often."""


class MarketClock(Protocol):
    """The time of the market, None before it is known."""

    def now(self) -> datetime | None:
        """Return the time, in UTC."""


class WallMarketClock:
    """The time of the wall."""

    def now(self) -> datetime | None:
        """Return the time, in UTC."""
        return datetime.now(UTC)


class ReplayClock:
    """The engine's time of a replayed session, which never goes back.

    Once the session is over, `end` says when its day is: nothing more will happen in it. `reached`
    is where a desk that was killed stood.
    """

    def __init__(
        self,
        session: SessionProcess,
        end: Callable[[datetime], datetime],
        reached: datetime | None = None,
    ) -> None:
        self._session, self._end, self._last = session, end, reached

    def now(self) -> datetime | None:
        """Return the engine's time, in UTC; after the session's end that of its day's end."""
        seen = self._session.look()
        if seen is not None:
            at = seen.status.engine_time
            self._last = at if self._last is None else max(self._last, at)
        if self._last is not None and self._session.is_over:
            return self._end(self._last)
        return self._last
