"""A thesis: a rule over bars with a side, a stop and a horizon, as a file has it.

Its trades are those of `fleet/backtests/trade_table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.schema import Section
from qe_plugins.config.yaml_reader import read
from qe_plugins.errors import FeatureError
from qe_plugins.fleet.settings import Timeframe
from qe_plugins.fleet.tasks.snapshot import SnapshotBars

type SignalRule = Callable[[SnapshotBars], np.ndarray]
"""Returns for every bar 1 for long, -1 for short, 0 for nothing; by what was known at its close."""


class Claims(Section, frozen=True, kw_only=True):
    """What its author says of it: the number of trades and their mean in R, net of costs."""

    trades: Annotated[int, Meta(ge=1)]
    mean_r: float


class Thesis(Section, frozen=True, kw_only=True):
    """A thesis as a file has it.

    `entry` is a condition over features, as a plugin's `trigger`, each named with `timeframe`.
    `stop` is in mean true ranges of 60 bars, `horizon` in bars; `cost` is points for a round trip,
    None for a tick a side and the fees.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
    statement: Annotated[str, Meta(min_length=10, max_length=1_000)]
    instrument: str
    timeframe: Timeframe = "1m"
    side: Literal["long", "short"]
    entry: str
    stop: Annotated[float, Meta(gt=0)]
    horizon: Annotated[int, Meta(ge=1, le=2_000)]
    cost: Annotated[float, Meta(ge=0)] | None = None
    claims: Claims | None = None

    def rule(self) -> SignalRule:
        """Return the signals of `entry`. Raises FeatureError where it cannot be read."""
        from qe_plugins.features.catalogue import entry_of
        from qe_plugins.features.series import compute
        from qe_plugins.features.trigger import FeatureTrigger

        trigger = FeatureTrigger(self.entry, f"thesis {self.name}")
        prefix = f"{self.timeframe}."
        if foreign := [one for one in trigger.names if not one.startswith(prefix)]:
            message = f"'{foreign[0]}' is not a feature of {self.timeframe} bars."
            raise FeatureError(message, where=f"thesis {self.name}, entry")
        for one in trigger.names:
            entry_of(one)
        names = [one.removeprefix(prefix) for one in trigger.names]
        sign = 1 if self.side == "long" else -1

        def signals(bars: SnapshotBars) -> np.ndarray:
            columns = {one: getattr(bars, one) for one in NUMBERS}
            closed = Bars("thesis", {"ts_event": bars.ts, "ts_init": bars.ts, **columns})
            values = compute(closed, names, closed.bar_type)
            found = dict(zip(trigger.names, values.T, strict=True))
            return np.where(trigger.holds(found), sign, 0)

        return signals


def load_thesis(file: Path) -> Thesis:
    """Return the thesis of a file. Raises ConfigError with file and line."""
    loaded: Thesis = Decoder("USD").decode(Thesis, read(file))
    return loaded
