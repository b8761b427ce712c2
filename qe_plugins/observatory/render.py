"""Templates: escaping, and how times, ages, money and outside text are shown."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from qe_plugins.report.pages import templates
from qe_plugins.safe_text import in_words, shown, with_uv
from qe_plugins.wall_clock import now

LONGEST = 400
"""Characters of outside text that are shown; the rest is cut."""


def environment() -> Environment:
    """Return the templates. All text is escaped, and shown without secrets and control marks."""
    pages = templates("qe_plugins.observatory", _finalized)
    pages.filters.update(
        clock=_clock, command=with_uv, cut=cut, day=_day, moment=_moment, money=_money, ms=_ms,
        number=_number,
    )  # fmt: skip
    pages.globals["once"] = lambda: secrets.token_hex(16)
    return pages


def cut(value: object, longest: int = LONGEST) -> str:
    """Return outside text as one line of at most `longest` characters."""
    text = " ".join(in_words(value).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _finalized(value: Any) -> Any:
    """Return a value as it is put into a page: text without secrets and control characters."""
    if isinstance(value, Markup):
        return value
    return shown(value, lines=True) if isinstance(value, str) else value


def _time(value: datetime | int) -> datetime:
    """Return a time, or UTC nanoseconds, as a time in UTC."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1e9, UTC)
    return value.astimezone(UTC)


def _moment(value: datetime | int | None) -> Markup | str:
    """Return a time as `2026-01-02 14:31:00 UTC` in an element that names it."""
    if value is None:
        return "—"
    at = _time(value)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S} UTC"
    )


def _clock(ms: int) -> str:
    """Return Unix milliseconds as `03:11:52 UTC`."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M:%S} UTC"


def _day(value: datetime | int) -> str:
    return f"{_time(value):%Y-%m-%d}"


def _ms(value: datetime | None = None) -> int:
    """Return a time, by default now, in Unix milliseconds."""
    return int((value or now()).timestamp() * 1000)


def _money(value: float | Decimal | None, currency: str = "") -> str:
    if value is None:
        return "—"
    text = f"{value:,.2f}".replace("-", "−")
    return f"{text} {currency}".strip()


def _number(value: float | Decimal | None) -> str:
    return "—" if value is None else f"{value:,}".replace("-", "−")
