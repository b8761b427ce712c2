"""History that a session was to be warmed up with and that does not come: an alarm."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession

LOG = logging.getLogger(__name__)
LIMIT = 30.0
"""Seconds within which history must have come: a gateway answers within a few."""

SOURCE = "warm_up"


class WarmUpSupervisor:
    """Raises an alarm where history is overdue, once for each bar type, and says when it has come.

    The session itself refuses every entry until all of it is there.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._alarmed: list[str] = []

    def start(self, session: LiveSession) -> None:
        """Begin to look, at every tick of the session."""
        self._session = session
        session.on_tick.append(self._on_tick)

    def stop(self) -> None:
        """Do nothing: there is no connection of its own."""

    def _on_tick(self, ts: int) -> None:
        late = self._session.warm_up.overdue(ts, self._limit)
        for bar_type in late:
            if bar_type not in self._alarmed:
                self._alarm(
                    "critical",
                    f"no history of {bar_type} within {self._limit:g} s: no order adds risk until "
                    "it comes. It is not asked for again: is the gateway's historical data farm "
                    "connected? If so, stop the session and start it again.",
                )
        for bar_type in self._alarmed:
            if bar_type not in late:
                self._alarm("info", f"the history of {bar_type} has come")
        self._alarmed = late

    def _alarm(self, severity: str, text: str) -> None:
        LOG.log(logging.ERROR if severity == "critical" else logging.INFO, "%s", text)
        body = {"severity": severity, "kind": SOURCE, "about": "market data", "text": text}
        self._session.record(FactKind.ALARM, SOURCE, body)
