"""The market that hunts see: a replay's data cut at the moment, or a session's own bars."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from qe_plugins.errors import DataError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.recording.as_of import LOOKBACK, HistoricMarket
from qe_plugins.fleet.tasks.snapshot import PRICES
from qe_plugins.fleet.tasks.snapshot_loader import open_market
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal

ONE_MINUTE = "-1-MINUTE-"
MOST_BARS = 1_000_000


class HuntMarket:
    """Bars up to a moment. In a replay they are those of the fleet's `data:`, read once.

    Beside a live market they are the bars that the session has received and recorded, after those
    of `data:` where it has any.
    """

    def __init__(self, loaded: LoadedFleet, journal: Journal, *, replayed: bool) -> None:
        self._loaded, self._journal, self._replayed = loaded, journal, replayed
        self._data: pl.DataFrame | None = None
        self._whole: HistoricMarket | None = None

    def until(self, at: datetime, run: str | None) -> HistoricMarket:
        """Return the market from which the state at a moment is cut. Raises DataError."""
        if self._replayed or run is None:
            if self._whole is None:
                self._whole = HistoricMarket(self._base())
            return self._whole
        until = int(at.timestamp() * 1_000_000) * 1_000
        facts = self._journal.page(
            kinds=[FactKind.SNAPSHOT],
            run=run,
            since_ns=until - LOOKBACK,
            until_ns=until + 1,
            limit=MOST_BARS,
        )
        frame = bars_of([one.fact for one in facts])
        before = self._base().filter(pl.col("ts") < frame["ts"].min()) if len(frame) else frame
        return HistoricMarket(pl.concat([before, frame]))

    def _base(self) -> pl.DataFrame:
        if self._data is None:
            try:
                self._data = open_market(self._loaded).frame
            except DataError:
                if self._replayed:
                    raise
                self._data = bars_of([])  # the session's own bars are enough
        return self._data


def bars_of(facts: list[Fact]) -> pl.DataFrame:
    """Return the minute bars among recorded facts, in the columns of a market snapshot."""
    rows = [
        {"ts": fact.ts_event, "instrument": fact.source}
        | {name: float(fact.body[name]) for name in (*PRICES, "volume")}
        for fact in facts
        if ONE_MINUTE in fact.id and "close" in fact.body
    ]
    schema = {"ts": pl.Int64, "instrument": pl.String}
    schema |= dict.fromkeys((*PRICES, "volume"), pl.Float64)
    return pl.DataFrame(rows, schema=schema)
