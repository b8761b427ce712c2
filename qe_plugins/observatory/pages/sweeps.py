"""`/sweeps` and `/sweep/ID`: sweeps, and the page of one with its map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from qe_plugins.errors import ReportError
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.server.guard import FRAMED
from qe_plugins.observatory.sources import Sources
from qe_plugins.report.figures import formatting
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import short, size

SHOWN_SWEEPS = 200


def page(sources: Sources) -> Page:
    """Return the pages of sweeps."""

    def every(asked: Asked) -> Shown:
        found = sweep_store.listing()
        values = {
            "rows": [_row(spec) for spec in found[:SHOWN_SWEEPS]],
            "left_out": max(len(found) - SHOWN_SWEEPS, 0),
        }
        return Shown(template="sweeps.html", values=values)

    def framed(asked: Asked) -> Shown:
        values = {"spec": sweep_store.read_spec(_with_page(asked.path["sweep"]))}
        return Shown(template="framed_sweep.html", values=values, framing=True)

    def own_page(asked: Asked) -> Response:
        return FileResponse(
            _with_page(asked.path["sweep"]) / sweep_store.PAGE,
            media_type="text/html",
            headers={"Content-Security-Policy": FRAMED, "X-Frame-Options": "SAMEORIGIN"},
        )

    return Page(
        title="Sweeps",
        path="/sweeps",
        views={
            "/sweeps": every,
            "/sweep/{sweep}": framed,
            "/sweep/{sweep}/sweep.html": own_page,
        },
    )


def _with_page(text: str) -> Path:
    """Return the folder of a sweep. Raises ReportError where its page is not written."""
    place = sweep_store.find(text)
    if not (place / sweep_store.PAGE).is_file():
        raise ReportError(
            "has no page: it is running, was stopped, or is a part of an ablation.",
            where=place.name,
            hint=f"Continue one that was stopped with `qe sweep FILE --resume {place.name}`.",
        )
    return place


def _row(spec: sweep_store.SweepSpec) -> dict[str, Any]:
    names = short([axis.key for axis in spec.axes])
    axes = [
        f"{name} {axis.values[0]} to {axis.values[-1]}"
        for name, axis in zip(names, spec.axes, strict=True)
    ]
    cells = [
        spec.sweep,
        spec.name,
        f"{spec.trials or size(spec.axes):,}",
        spec.method,
        formatting.label(spec.objective),
        ", ".join(axes),
    ]
    return {"cells": cells, "href": f"/sweep/{spec.sweep}"}
