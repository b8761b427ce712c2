"""The state of the market at a moment of history: nothing in it is from later."""

from __future__ import annotations

import polars as pl

from qe_plugins.errors import FleetError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.requests import RequestBuilder, outside_texts, refuse_short_lists
from qe_plugins.fleet.tasks.snapshot import DAY, MINUTE, MarketSnapshot
from qe_plugins.recordings.folder import shown

FRESH = 5 * MINUTE
"""The age of the last bar above which the market is closed, or its data is missing."""

LOOKBACK = 60 * DAY


class HistoricMarket:
    """Minute bars from which the state at any moment is cut."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame.sort("ts")
        self._closes = self._frame["ts"].to_numpy()

    def at(self, moment: int) -> MarketSnapshot | None:
        """Return the bars that have closed by a moment (UTC ns), of at most 60 days.

        None where the last one is older than five minutes.
        """
        if not self.is_fresh(moment):
            return None
        until = self._closed_by(moment)
        since = self._closed_by(moment - LOOKBACK)
        known = self._frame.slice(since, until - since)
        return MarketSnapshot(known.sort("instrument", "ts"))

    def whole(self, moment: int) -> MarketSnapshot:
        """Return every bar that has closed by a moment (UTC ns); there must be one."""
        return MarketSnapshot(self._frame.head(self._closed_by(moment)).sort("instrument", "ts"))

    def is_fresh(self, moment: int) -> bool:
        """Return whether the last bar by a moment (UTC ns) is at most five minutes old."""
        until = self._closed_by(moment)
        return until > 0 and moment - int(self._closes[until - 1]) <= FRESH

    def _closed_by(self, moment: int) -> int:
        """Return how many bars have closed by a moment (UTC ns)."""
        return int(self._closes.searchsorted(moment, side="right"))


def requests_at(loaded: LoadedFleet, market: HistoricMarket, moment: int) -> RequestBuilder:
    """Return the requests of a fleet at a moment: market, headlines and lessons known by then.

    Raises FleetError where the market has no fresh bars, or a coordinator fewer tasks than workers.
    """
    known = market.at(moment)
    if known is None:
        message = "has no bars in 'data:' up to it."
        raise FleetError(message, where=f"decision point {shown(moment)}")
    requests = RequestBuilder(loaded.fleet, known, outside_texts(loaded.fleet, moment))
    refuse_short_lists(loaded, requests)
    return requests
