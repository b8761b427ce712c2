"""The cost of a call at the rates of its moment: for its usage, or for its worst case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from qe_plugins.errors import ModelError
from qe_plugins.llm.pricing.price_list import (
    Model,
    Price,
    PriceList,
    Rates,
    Window,
    minutes,
    price_list,
)
from qe_plugins.llm.requests import Request, Usage

__all__ = ["PriceList", "cost", "price_list", "rates", "worst_case", "worst_usage"]

MILLION = Decimal(1_000_000)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHINA = timedelta(hours=8)  # its holidays begin at its midnight; it has no daylight saving
ENVELOPE = 64
"""Maximum number of tokens that a provider adds to a prompt."""


def rates(prices: PriceList, model: str, at: datetime) -> Rates:
    """Return the rates of a model at a moment: those of a window of hours if it is inside one."""
    return _rates(prices, model, int(at.timestamp() // 60))


@lru_cache(maxsize=1_024)
def _rates(prices: PriceList, model: str, minute: int) -> Rates:
    """Return the rates of a minute of UTC; prices begin and end with one."""
    at = datetime.fromtimestamp(minute * 60, UTC)
    price = _price(prices.model(model), at)
    windows = [window for window in price.windows if _inside(window, prices, at)]
    return windows[0] if windows else price


def cost(prices: PriceList, model: str, usage: Usage, at: datetime) -> Decimal:
    """Return the exact price in USD of what a call used, by the rates at its end.

    Raises ModelError for an unknown model and for a prompt longer than any price covers.
    """
    _refuse_long(prices, model, usage.input, at)
    return _at(rates(prices, model, at), usage)


def worst_usage(request: Request) -> Usage:
    """Return the most tokens a request can use: no token is shorter than a byte."""
    texts = (request.system, request.prompt, request.schema_name, request.schema)
    prompt = sum(len(text.encode()) for text in texts)
    return Usage(input=prompt + ENVELOPE, output=request.max_tokens)


def worst_case(
    prices: PriceList, request: Request, at: datetime, within: timedelta = timedelta(0)
) -> Decimal:
    """Return the most a request can cost in USD when it ends `within` so long after `at`.

    Raises ModelError for an unknown model and for one that is served no more.
    """
    _refuse_retired(prices.model(request.model), request.model, at)
    usage = worst_usage(request)
    return max(_dearest(rates(prices, request.model, then), usage) for then in (at, at + within))


def _dearest(rate: Rates, usage: Usage) -> Decimal:
    dear = max(rate.input, rate.cached, rate.written or rate.input)
    return (usage.input * dear + usage.output * rate.output) / MILLION


def _at(rate: Rates, usage: Usage) -> Decimal:
    plain = usage.input - usage.cached - usage.written
    written = rate.input if rate.written is None else rate.written
    charged = plain * rate.input + usage.cached * rate.cached + usage.written * written
    return (charged + usage.output * rate.output) / MILLION


def _price(model: Model, at: datetime) -> Price:
    begun = [price for price in model.prices if price.since <= at]
    by_date = sorted(begun or model.prices, key=lambda price: price.since)
    return by_date[-1] if begun else by_date[0]


def _inside(window: Window, prices: PriceList, at: datetime) -> bool:
    utc = at.astimezone(UTC)
    if WEEKDAYS[utc.weekday()] not in window.days or _holiday(window, prices, utc):
        return False
    minute = utc.hour * 60 + utc.minute
    return any(first <= minute < last for first, last in map(minutes, window.hours))


def _holiday(window: Window, prices: PriceList, utc: datetime) -> bool:
    days = prices.holidays[window.holidays].days if window.holidays else []
    return (utc + CHINA).date() in days


def _refuse_retired(model: Model, name: str, at: datetime) -> None:
    if model.retired is not None and at.astimezone(UTC).date() >= model.retired:
        raise ModelError(
            f"was retired on {model.retired}.",
            where=f"configs/prices.yaml, {name}",
            hint="Use a model that is still served.",
        )


def _refuse_long(prices: PriceList, name: str, prompt: int, at: datetime) -> None:
    most = _longest(prices, name, int(at.timestamp() // 60))
    if most is not None and prompt > most:
        raise ModelError(
            f"has no price for a prompt of {prompt} tokens, only up to {most}.",
            where=f"configs/prices.yaml, {name}",
            hint="Shorten the prompt, or add the price for long prompts.",
        )


@lru_cache(maxsize=256)
def _longest(prices: PriceList, name: str, minute: int) -> int | None:
    """Return how many tokens a prompt may have in a minute of UTC; None is any number."""
    return _price(prices.model(name), datetime.fromtimestamp(minute * 60, UTC)).prompt_up_to
