"""`report.html`: a finished run as one page that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from qe_plugins.engine.outcome import Outcome
    from qe_plugins.report.ledger import Ledger


def render(outcome: Outcome, ledger: Ledger, figures: dict[str, Any]) -> str:
    """Return the page as HTML text. `figures` is what `summary.summarize` returns."""
    pages = Environment(
        loader=PackageLoader("qe_plugins.report"), autoescape=True, undefined=StrictUndefined
    )
    return pages.get_template("report.html").render(figures=figures)
