"""`/`: one thing now, at most three next, everything else folded away."""

from __future__ import annotations

from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.sources import Sources


def page(sources: Sources) -> Page:
    """Return the page."""

    def show(asked: Asked) -> Shown:
        return Shown(template="mission_control.html")

    return Page(title="MissionControl", path="/", key="m", order=1, views={"/": show})
