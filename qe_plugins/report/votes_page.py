"""`votes.html`: effective votes and calibration of a recording, with its reliability diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qe_plugins.report.pages import templates

if TYPE_CHECKING:
    from qe_plugins.recordings.calibration import Calibration

SIDE = 360.0
LARGEST = 16.0
"""The radius, in pixels, of the dot with the most votes; areas are in proportion to votes."""


def render(found: dict[str, Any]) -> str:
    """Return the page of what `fleet.leaks.outcomes.measured` found; it needs no network."""
    template = templates().get_template("votes.html")
    return template.render(found=found, dots=reliability(found["calibration"]), side=SIDE)


def reliability(of: Calibration) -> list[dict[str, Any]]:
    """Return a dot for each bin of probabilities: `x` what was said, `y` how often it happened."""
    most = max((one.count for one in of.bins), default=1)
    return [
        {
            "x": round(SIDE * one.said, 1),
            "y": round(SIDE * (1 - one.happened), 1),
            "radius": round(max(LARGEST * (one.count / most) ** 0.5, 2.0), 1),
            "count": one.count,
        }
        for one in of.bins
    ]
