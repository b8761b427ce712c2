"""The state of a strategy on a root, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable

from nautilus_trader.model import Bar

from qe_plugins.data.catalog.reader import SplicedBars
from qe_plugins.engine.rolling.front import Front
from qe_plugins.engine.rolling.front_state import FrontState
from qe_plugins.engine.settings.entries import RollSettings

FRONT = Front("MES", "MES.XCME", "1-MINUTE-LAST", "volume", "MESH24.XCME", ())
SOURCE = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"


def test_bars_that_were_not_received_in_their_chunk_are_dropped(qe_bar: Callable[..., Bar]) -> None:
    """A stopped strategy receives none: they must not accumulate until the run's end."""
    front_state = FrontState(FRONT, RollSettings(instrument="MES", roll="volume"), capacity=10)
    for at in ("15:00", "15:01", "15:02"):
        bars = [qe_bar(4_750, at=f"2024-01-03 {at}")]
        front_state.start_chunk([SplicedBars(FRONT.bar_type, SOURCE, bars)])
        last = bars[0]

    assert front_state.next_bar() == last
    assert front_state.source is None
