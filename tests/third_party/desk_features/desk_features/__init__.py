"""Two families of another desk: an honest one, and one that knows the next bar."""

from __future__ import annotations

import numpy as np

from qe_plugins import Bars, Family, Plugin, Role, hookimpl


class DeskFeatures(Plugin):
    """Registers the families."""

    role = Role.SYSTEM

    @hookimpl
    def register_features(self) -> list[Family]:
        """Return the families."""
        return [
            Family(name="desk_width", function=width, lookback=5, meaning="mean range of 5 bars"),
            Family(name="desk_hindsight", function=hindsight, lookback=1, meaning="the next close"),
        ]


def width(bars: Bars) -> np.ndarray:
    """Return the mean range of five bars, NaN for the first four."""
    found = np.full(len(bars), np.nan)
    if len(bars) >= 5:
        windows = np.lib.stride_tricks.sliding_window_view(bars.high - bars.low, 5)
        found[4:] = windows.mean(axis=1)
    return found


def hindsight(bars: Bars) -> np.ndarray:
    """Return the close of the bar that follows."""
    return np.append(bars.close[1:], bars.close[-1])
