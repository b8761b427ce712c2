"""`report.html`: a finished run as one self-contained page; it needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from qe_plugins.config import yaml_reader
from qe_plugins.report import charts, price_chart, tearsheet_rows
from qe_plugins.report.figures import (
    benchmark,
    breakdown,
    contamination,
    data_coverage,
    deepest,
    formatting,
    margin,
    metrics,
)
from qe_plugins.report.figures.capacity import Capacity, curve, rows
from qe_plugins.report.figures.reordering import reordered
from qe_plugins.report.pages import templates

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.report.figures.equity import AccountHistory

SCALE = 0.06
"""The monthly return, up or down, that has the strongest colour."""


def render(
    outcome: BacktestResult,
    history: AccountHistory,
    figures: dict[str, Any],
    resolved: dict[str, Any],
) -> str:
    """Return the page as HTML.

    `figures` is the result of `summary.summarize`, `resolved` the configuration of the run.
    """
    capacity = msgspec.convert(figures["capacity"], Capacity)
    orders = reordered(metrics.closed(outcome.positions)["pnl"].to_numpy().astype(np.float64))
    drawn = {
        "capacity": curve(capacity, capacity.whole) if capacity.contracts else curve(capacity),
        "equity": charts.equity(history),
        "margin": charts.margin(margin.against(history.curve, outcome.account)),
        "benchmark": benchmark.curve(outcome, history),
        "rolling": charts.rolling(history),
        "distribution": charts.distribution(history),
        "excursions": charts.excursions(outcome.positions),
        "orders": orders and msgspec.to_builtins(orders),
        "hours": charts.hours(history),
        "prices": price_chart.charts(outcome),
        "currency": outcome.currency,
    }
    return (
        _environment()
        .get_template("report.html")
        .render(
            figures=figures,
            denials=formatting.denials_note(figures),
            failures=formatting.failure_lines(figures),
            drawn=drawn,
            months=charts.months(history),
            drawdowns=deepest.drawdowns(history),
            breakdown=breakdown.tables(outcome),
            orders=orders,
            parts=tearsheet_rows.configured(resolved),
            resolved=yaml_reader.dump(resolved),
            trades=tearsheet_rows.trades(outcome),
            rolls=tearsheet_rows.rolls(outcome, figures),
            vetoes=tearsheet_rows.vetoes(outcome),
            costs=tearsheet_rows.costs(outcome, figures),
            capacity=capacity,
            by_knowledge=contamination.bars(figures.get("by_contamination") or {}),
            coverage=data_coverage.in_words(figures),
            sizes=rows(capacity),
            assumptions=outcome.assumptions,
            plotly=Markup(get_plotlyjs()),
        )
    )


def _environment() -> Environment:
    pages = templates()
    pages.filters.update(
        with_unit=formatting.with_unit,
        open_pnl=formatting.open_pnl,
        premium_note=formatting.premium_note,
        quoted_note=formatting.quoted_note,
        money=formatting.money,
        percent=formatting.percent,
        share=formatting.share,
        count=formatting.count,
        size=_size,
        sign=_sign,
        heat=_heat,
    )
    pages.globals["key_figures"] = formatting.KEY_FIGURES
    pages.globals["risk_figures"] = formatting.RISK_FIGURES
    pages.globals["option_parts"] = formatting.OPTION_PARTS
    return pages


def _size(contracts: float) -> str:
    """Return a number of contracts: 1,204 or 0.85."""
    return f"{contracts:,.0f}" if contracts >= 100 else f"{contracts:.3g}"


def _sign(value: float | None) -> str:
    """Return the CSS class of a gain or a loss; empty for neither."""
    if value is None or round(value, 4) == 0:
        return ""
    return "up" if value > 0 else "down"


def _heat(value: float) -> int:
    """Return the strength of a return's colour, 0 to 60 percent."""
    return round(min(abs(value) / SCALE, 1.0) * 60)
