"""A feature below the price of its contract, as a PNG.

Matplotlib is an extra, `quant-engine[plot]`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError
from qe_plugins.market.exchange_zone import CHICAGO

GAP = 3_600_000_000_000
"""Nanoseconds without a bar after which lines and the time axis begin again."""

MOST_LABELS = 8
PRICE, FEATURE, QUIET = "#1f2937", "#2563eb", "#9ca3af"


class FeatureOverPrice(msgspec.Struct, frozen=True):
    """What is drawn: a feature (NaN is null) at each bar of a contract."""

    name: str
    meaning: str
    unit: str
    contract: str
    bars: Bars
    values: np.ndarray


def draw(chart: FeatureOverPrice, file: Path) -> None:
    """Write the chart. Raises FeatureError where Matplotlib is not installed or there is no value.

    Bars follow each other without the hours that are closed; times are of Chicago.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        hint = "Install it with `pip install 'quant-engine[plot]'`."
        raise FeatureError("Matplotlib is not installed.", hint=hint) from error
    known = np.isfinite(chart.values)
    if not known.any():
        hint = "It needs its lookback of bars: name more data, or a shorter window."
        raise FeatureError(f"{chart.name} is null at every bar.", where=chart.contract, hint=hint)
    at = np.arange(len(chart.bars))
    breaks = np.flatnonzero(np.diff(chart.bars.ts_event) > GAP) + 1
    figure = Figure(figsize=(12, 6.5), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes, values, colour in (
        (above, chart.bars.close, PRICE),
        (below, chart.values, FEATURE),
    ):
        axes.plot(*_broken(at, values, breaks), color=colour, linewidth=1.0)
        for place in breaks.tolist():
            axes.axvline(place - 0.5, color=QUIET, linewidth=0.6, linestyle=":")
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    median = float(np.median(chart.values[known]))
    below.axhline(median, color=QUIET, linewidth=0.8)
    above.set_ylabel("close, points")
    below.set_ylabel(chart.unit)
    above.set_title(f"{chart.contract}  ·  {len(at):,} bars", loc="left", fontsize=10)
    share = f"known at {known.mean():.0%} of the bars, median {median:.4g}"
    below.set_title(f"{chart.name}: {chart.meaning}  ·  {share}", loc="left", fontsize=10)
    places = np.unique(np.linspace(0, len(at) - 1, MOST_LABELS).astype(int))
    below.set_xticks(places, [_label(int(chart.bars.ts_event[n])) for n in places])
    below.set_xlabel("Chicago time")
    figure.savefig(file, format="png")


def _broken(
    at: np.ndarray, values: np.ndarray, breaks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y with a gap before each of the bars `breaks`."""
    return np.insert(at.astype(float), breaks, np.nan), np.insert(values, breaks, np.nan)


def _label(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts // 1_000_000_000, CHICAGO):%a %d %b %H:%M}"
