"""`sweep.html`: every variant of a sweep in one table and, for two axes, on one map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from qe_plugins.report.figures import formatting
from qe_plugins.report.pages import templates
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
            drawn=_heat_map(swept) if len(axes) == 2 and finished else None,
            plotly=Markup(get_plotlyjs()) if len(axes) == 2 and finished else "",
        )
    )


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


def _heat_map(swept: SweepResult) -> dict[str, Any]:
    """Return x, y and one z per figure: rows by the first axis, columns by the second."""
    down, across = swept.spec.axes
    width = len(across.values)
    return {
        "x": [text(value) for value in across.values],
        "y": [text(value) for value in down.values],
        "across": across.key,
        "down": down.key,
        "figures": [
            {"name": name, "label": formatting.label(name), "z": _cells(swept.results, name, width)}
            | {"text": _cells(swept.results, name, width, as_text=True)}
            for name in SHOWN
        ],
    }


def _cells(
    results: Sequence[VariantResult], name: str, width: int, *, as_text: bool = False
) -> list[list[Any]]:
    values: list[Any] = []
    for result in results:
        value = result.figures.get(name)
        unknown = formatting.UNKNOWN if result.figures else str(result.state)
        shown = unknown if value is None else formatting.format_value(name, value)
        values.append(shown if as_text else value)
    return [values[start : start + width] for start in range(0, len(values), width)]


def short(keys: list[str]) -> list[str]:
    """Return the last parts of dotted keys if they are distinct, else the whole keys."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else keys


def text(value: Any) -> str:
    """Return a setting as text, None as YAML's `null`."""
    return "null" if value is None else str(value)
