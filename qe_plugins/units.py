"""Settings with units: `250 USD`, `15m`, `20 bps`.

Annotate a field of a `PluginConfig` or of a strategy's configuration with one of these types, and
YAML may write the value with its unit or as a plain number::

    class Limits(PluginConfig, frozen=True):
        daily_loss: Money = Decimal("250")
        before_break: Duration = 900.0
        max_slippage: Fraction = 0.002
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+(?:_\d+)*)(?:\.\d+)?"
SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3_600),
    "d": Decimal(86_400),
}
PARTS = {"": Decimal(1), "%": Decimal("0.01"), "bp": Decimal("0.0001"), "bps": Decimal("0.0001")}

_MONEY = re.compile(rf"({NUMBER})(?: *([A-Z]{{3}}))?")
_SPAN = re.compile(r"(\d+(?:_\d+)*(?:\.\d+)?) *(ms|s|m|h|d)")
_DURATION = re.compile(rf"{NUMBER}|{_SPAN.pattern}(?: *{_SPAN.pattern})*")
_FRACTION = re.compile(rf"({NUMBER}) *(%|bps?|)")

Money = Annotated[
    Decimal,
    Meta(
        description="An amount of money: `250 USD`, `1_000 USD` or a number.",
        extra={"unit": "money"},
        extra_json_schema={"pattern": f"^{_MONEY.pattern}$"},
    ),
]
Duration = Annotated[
    float,
    Meta(
        description="A time span, stored in seconds: `15m`, `1h30m`, `500ms`, `1d` or a number.",
        extra={"unit": "duration"},
        extra_json_schema={"pattern": f"^(?:{_DURATION.pattern})$"},
    ),
]
Fraction = Annotated[
    float,
    Meta(
        description="A part of one: `20 bps`, `1.5%` or a number such as 0.015.",
        extra={"unit": "fraction"},
        extra_json_schema={"pattern": f"^{_FRACTION.pattern}$"},
    ),
]


def parse(unit: str, text: str, currency: str | None = None) -> Decimal:
    """Return the number in `text`, read as `unit`: money, duration (seconds) or fraction."""
    match unit:
        case "money":
            return parse_money(text, currency)
        case "duration":
            return parse_duration(text)
        case _:
            return parse_fraction(text)


def parse_money(text: str, currency: str | None = None) -> Decimal:
    """Return the amount in `250 USD`. Raise ValueError for another currency than `currency`."""
    if not (found := _MONEY.fullmatch(text.strip())):
        raise ValueError("must be an amount such as 250 USD")
    amount, written = found.groups()
    if currency and written and written != currency:
        raise ValueError(f"must be in {currency}")
    return _number(amount)


def parse_duration(text: str) -> Decimal:
    """Return the seconds in `15m`, `1h30m` or `500ms`. Raise ValueError for anything else."""
    text = text.strip()
    if not _DURATION.fullmatch(text):
        raise ValueError("must be a time span such as 30s, 15m or 2h")
    if spans := _SPAN.findall(text):
        return sum((_number(size) * SECONDS[unit] for size, unit in spans), Decimal(0))
    return _number(text)


def parse_fraction(text: str) -> Decimal:
    """Return the part of one in `20 bps` or `1.5%`. Raise ValueError for anything else."""
    if not (found := _FRACTION.fullmatch(text.strip())):
        raise ValueError("must be a fraction such as 20 bps, 1.5% or 0.015")
    size, unit = found.groups()
    return _number(size) * PARTS[unit]


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("_", ""))
