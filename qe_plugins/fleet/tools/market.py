"""Tools over the market as of now: bars and features, scale-free where the fleet is masked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from qe_plugins.errors import FleetError
from qe_plugins.features.windows import features_of_windows
from qe_plugins.fleet.tasks.snapshot import SnapshotBars
from qe_plugins.fleet.tools.context import ToolContext
from qe_plugins.fleet.tools.tool import ToolArguments

Instrument = Annotated[str, Meta(max_length=60, description="a name as `instruments` lists them")]
Frame = Annotated[
    Literal["1m", "5m", "15m", "30m", "1h", "4h"], Meta(description="length of a bar")
]
Length = Annotated[int, Meta(ge=10, le=200, description="bars in the window")]
Back = Annotated[int, Meta(ge=0, le=2_000, description="bars between the window's end and now")]

NOISE_BARS = 60
"""Minute bars over which the mean true range is taken: the unit of stops."""


class NoArguments(ToolArguments, frozen=True, kw_only=True):
    """Nothing."""


class WindowArguments(ToolArguments, frozen=True, kw_only=True):
    """A window of bars."""

    instrument: Instrument
    timeframe: Frame
    bars: Length = 60
    back: Back = 0


def instruments(context: ToolContext, _: NoArguments) -> Any:
    """List the instruments, the third of the session, and how many bars of each length exist."""
    frames = ("1m", "5m", "15m", "30m", "1h")
    market, mask = context.market, context.mask
    return {
        "instruments": [
            {
                "name": mask.name(one),
                "bars": {frame: len(market.bars(one, frame)) for frame in frames},
            }
            for one in market.instruments
        ],
        "session": mask.time_of_day(context.as_of).strip() or "times are shown",
    }


def features(context: ToolContext, asked: WindowArguments) -> Any:
    """Return the computed features of a window of bars: momentum in deviations, trend_t, place
    between low (0) and high (1), volume_ratio of its last fifth.
    """
    window = _window(context, asked)
    [found] = features_of_windows(window, len(window), (0,))
    return context.mask.facts(found)


def bars(context: ToolContext, asked: WindowArguments) -> Any:
    """Return a window of bars as rows, oldest first. Masked rows have bars before the last one,
    the mean price of neighbouring bars in deviations of the window, and volume from 1 to 5.
    """
    return {"rows": context.mask.table(_window(context, asked)).splitlines()}


def true_range(market_bars: SnapshotBars) -> float:
    """Return the mean true range of the last minute bars, in points; 0 where there are too few."""
    window = market_bars.window(min(NOISE_BARS + 1, len(market_bars)))
    if len(window) < 2:
        return 0.0
    before = window.close[:-1]
    ranges = np.maximum(window.high[1:], before) - np.minimum(window.low[1:], before)
    return float(ranges.mean())


def _window(context: ToolContext, asked: WindowArguments) -> SnapshotBars:
    every = context.market.bars(context.instrument(asked.instrument), asked.timeframe)
    if len(every) < asked.bars + asked.back:
        message = f"there are {len(every)} bars of {asked.timeframe}, "
        raise FleetError(f"{message}{asked.bars + asked.back} were asked for.")
    return every.window(asked.bars, asked.back)
