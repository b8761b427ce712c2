"""A day's report as one HTML file: the same bytes wherever it is shown."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from qe_plugins import state_dir
from qe_plugins.desk.day_journal import synthesis_page
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.report.day.records import DayMark, DayReport
from qe_plugins.report.pages import templates
from qe_plugins.safe_text import redacted, shown

WIDTH, HEIGHT, EDGE = 1000, 300, 12
"""Size of the chart, in units of its drawing."""

LONGEST = 300
"""Characters of a line that are shown."""


def render(report: DayReport, synthesis: str | None = None) -> bytes:
    """Return the page, with a link to that of SYNTHESIS. Equal arguments give equal bytes."""
    values = {
        "report": report,
        "chart": drawing(report.marks),
        "style": _style(),
        "synthesis": synthesis,
    }
    return _pages().get_template("day.html").render(values).encode()


def policy() -> str:
    """Return the Content-Security-Policy of the page where it is served: its own style alone."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def write(report: DayReport) -> Path:
    """Write the page to `QE_HOME/reports/DAY.html` and return its path. Raises OSError.

    It links the page of the desk's SYNTHESIS where there is one.
    """
    file = state_dir.state_dir() / "reports" / f"{report.day.isoformat()}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    beside = synthesis_page(report.day)
    link = f"{beside.parent.name}/{beside.name}" if beside.exists() else None
    part.write_bytes(render(report, link))
    os.replace(part, file)
    return file


def drawing(marks: Sequence[DayMark]) -> dict[str, Any] | None:
    """Return the chart as coordinates: a line of bars, and points of each kind."""
    if len(marks) < 2:
        return None
    times, prices = [one.at for one in marks], [one.price for one in marks]
    first, last, low, high = min(times), max(times), min(prices), max(prices)

    def x(at: int) -> float:
        return round(EDGE + (at - first) / max(last - first, 1) * (WIDTH - 2 * EDGE), 1)

    def y(price: float) -> float:
        return round(HEIGHT - EDGE - (price - low) / ((high - low) or 1) * (HEIGHT - 2 * EDGE), 1)

    bars = [one for one in marks if one.kind == "bar"]
    points = {
        kind: [(x(one.at), y(one.price)) for one in marks if one.kind == kind]
        for kind in ("entry", "exit", "veto")
    }
    stops = [
        (x(one.at), y(one.price), x(min(one.until or last, last)))
        for one in marks
        if one.kind == "stop"
    ]
    return {
        "line": " ".join(f"{x(one.at)},{y(one.price)}" for one in bars),
        "points": points,
        "stops": stops,
        "low": low,
        "high": high,
        "width": WIDTH,
        "height": HEIGHT,
    }


@lru_cache(maxsize=1)
def _style() -> Markup:
    """Return the style, which is in the page: a file has no server to ask for it."""
    environment = _pages()
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, "day.css")[0])


@lru_cache(maxsize=1)
def _pages() -> Environment:
    pages = templates()
    pages.filters.update(moment=_moment, words=_words, money=_money)
    return pages


def _moment(at: int | datetime) -> str:
    moment = datetime.fromtimestamp(at / 1e9, UTC) if isinstance(at, int) else at
    return f"{moment.astimezone(CHICAGO):%a %H:%M} Chicago"


def _words(text: object) -> str:
    """Return outside text as one line without secrets, cut."""
    line = redacted(shown(" ".join(str(text).split())))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _money(amount: Decimal) -> str:
    return f"{amount:+,.2f}"
