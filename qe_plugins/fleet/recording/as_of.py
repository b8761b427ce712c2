"""The state of the market at a moment of history: nothing in it is from later."""

from __future__ import annotations

import polars as pl

from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.requests import RequestBuilder, outside_texts, refuse_short_lists
from qe_plugins.fleet.tasks.snapshot import DAY, MINUTE, MarketSnapshot

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
        until = int(self._closes.searchsorted(moment, side="right"))
        if not until or moment - int(self._closes[until - 1]) > FRESH:
            return None
        since = int(self._closes.searchsorted(moment - LOOKBACK, side="right"))
        known = self._frame.slice(since, until - since)
        return MarketSnapshot(known.sort("instrument", "ts"))


def requests_at(loaded: LoadedFleet, market: MarketSnapshot, moment: int) -> RequestBuilder:
    """Return the requests of a fleet at a moment: market, headlines and lessons known by then.

    Raises FleetError where a coordinator has fewer tasks than workers.
    """
    requests = RequestBuilder(loaded.fleet, market, outside_texts(loaded.fleet, moment))
    refuse_short_lists(loaded, requests)
    return requests
