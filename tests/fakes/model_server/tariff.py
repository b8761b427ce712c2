"""What the vendor charges by its own clock: dear hours of working days in China cost twice as much.

A test that compares a bill with our ledger would otherwise fail for seven hours a day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml

RATES = {  # USD for a million tokens: input, cached, output
    "deepseek-flash": ("0.15", "0.003", "0.60"),
    "claude-sonnet-5-5": ("2", "0.10", "10"),
    "claude-opus-5-5": ("4", "0.20", "20"),
}
DEAR = {"deepseek-flash": 2}
DEAR_HOURS = frozenset({1, 2, 3, 6, 7, 8, 9})
BEIJING = timedelta(hours=8)
CALENDAR = Path(__file__).resolve().parents[3] / "configs" / "prices.yaml"


def rates(model: str, at: datetime) -> tuple[Decimal, Decimal, Decimal]:
    """Return USD for a million tokens at a moment: input, cached, output."""
    times = dearness(model, at)
    whole, cached, output = (Decimal(rate) * times for rate in RATES[model])
    return whole, cached, output


def dearness(model: str, at: datetime | None = None) -> int:
    """Return how many times its usual price a model costs at a moment, by default now."""
    return DEAR.get(model, 1) if _is_dear((at or datetime.now(UTC)).astimezone(UTC)) else 1


def _is_dear(at: datetime) -> bool:
    works = at.weekday() < 5 and (at + BEIJING).date() not in _holidays()
    return works and at.hour in DEAR_HOURS


@cache
def _holidays() -> frozenset[date]:
    calendar = yaml.safe_load(CALENDAR.read_text(encoding="utf-8"))
    return frozenset(calendar["holidays"]["CN"]["days"])
