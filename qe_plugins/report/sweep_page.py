"""`sweep.html`: the variants of a sweep in a table, on a map of two axes, and across all axes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from qe_plugins.report.figures import formatting
from qe_plugins.report.pages import templates
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import short
from qe_plugins.research.variants import VariantState

if TYPE_CHECKING:
    from qe_plugins.research.sweep_runner import SweepResult
    from qe_plugins.research.variants import VariantResult

FIGURES = [
    "net_pnl",
    "sharpe",
    "max_drawdown",
    "trades",
    "win_rate",
    "profit_factor",
    "expectancy",
    "fees",
    "exposure",
]
SHOWN = ("net_pnl", "sharpe", "sortino", "max_drawdown", "profit_factor", "expectancy", "trades")


def render(swept: SweepResult) -> str:
    """Return the page as self-contained HTML; it needs no network."""
    axes = swept.spec.axes
    finished = [result for result in swept.results if result.state is VariantState.FINISHED]
    about = finished[0].figures if finished else {}
    return (
        templates()
        .get_template("sweep.html")
        .render(
            spec=swept.spec,
            failed=swept.failed,
            source=about.get("data_source"),
            label=about.get("data_label"),
            currency=about.get("currency", ""),
            names=short([axis.key for axis in axes]),
            figures=[(name, formatting.label(name)) for name in FIGURES],
            rows=[_variant_row(swept, result) for result in swept.results],
            skipped=swept.skipped,
            best=swept.best,
            best_value=_objective(swept),
            drawn=_charts(swept, finished) if finished else None,
            plotly=Markup(get_plotlyjs()) if finished else "",
        )
    )


def write(swept: SweepResult) -> dict[str, str]:
    """Write the table and the page of a sweep; return the paths of `folder`, `table`, `page`."""
    table = sweep_store.write_table(swept.folder, swept.spec.axes, swept.results)
    page = swept.folder / sweep_store.PAGE
    part = page.with_suffix(".part")
    part.write_text(render(swept), encoding="utf-8")
    os.replace(part, page)
    return {"folder": str(swept.folder), "table": str(table), "page": str(page)}


def _variant_row(swept: SweepResult, result: VariantResult) -> dict[str, Any]:
    settings = result.variant.settings
    figures = {name: result.figures[name] for name in FIGURES} if result.figures else {}
    return {
        "number": result.variant.number,
        "settings": [text(settings[axis.key]) for axis in swept.spec.axes],
        "state": str(result.state),
        "error": result.error or ("not finished" if not result.figures else ""),
        "figures": [formatting.format_value(name, value) for name, value in figures.items()],
        "lost": bool(figures) and figures["net_pnl"] < 0,
    }


def _objective(swept: SweepResult) -> str:
    figure, best = swept.spec.objective, swept.best
    if best is None:
        return formatting.label(figure)
    return f"{formatting.label(figure)} {formatting.format_value(figure, best.figures[figure])}"


def _charts(swept: SweepResult, finished: Sequence[VariantResult]) -> dict[str, Any]:
    """Return what both charts draw: axes, figures, and each variant by its place on the axes.

    The figures begin with the objective.
    """
    axes = swept.spec.axes
    figures = tuple(dict.fromkeys((swept.spec.objective, *SHOWN)))
    places = [{text(value): at for at, value in enumerate(axis.values)} for axis in axes]
    return {
        "axes": [
            {"key": axis.key, "name": name, "values": list(map(text, axis.values))}
            for axis, name in zip(axes, short([axis.key for axis in axes]), strict=True)
        ],
        "figures": [{"name": name, "label": formatting.label(name)} for name in figures],
        "variants": [
            {
                "number": one.variant.number,
                "at": [
                    place[text(one.variant.settings[axis.key])]
                    for place, axis in zip(places, axes, strict=True)
                ],
                "z": [one.figures.get(name) for name in figures],
                "text": [formatting.format_value(name, one.figures.get(name)) for name in figures],
            }
            for one in finished
        ],
    }


def text(value: Any) -> str:
    """Return a setting as text, None as YAML's `null`."""
    return "null" if value is None else str(value)
