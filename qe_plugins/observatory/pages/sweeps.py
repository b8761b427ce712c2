"""`/sweeps` and `/sweep/ID`: sweeps, and the page of one with its map."""

from __future__ import annotations

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
        place = sweep_store.find(asked.path["sweep"])
        values = {"spec": sweep_store.read_spec(place)}
        return Shown(template="framed_sweep.html", values=values, framing=True)

    def own_page(asked: Asked) -> Response:
        place = sweep_store.find(asked.path["sweep"])
        if not (place / sweep_store.PAGE).is_file():
            raise ReportError(
                "has no page yet: it is running, or was stopped.",
                where=place.name,
                hint=f"Continue it with `qe sweep FILE --resume {place.name}`.",
            )
        return FileResponse(
            place / sweep_store.PAGE,
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
