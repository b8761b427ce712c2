"""Price list of providers and models, `configs/prices.yaml`, and what a call costs by it."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from qe_plugins import project
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.yaml_reader import read
from qe_plugins.errors import ConfigError, ModelError, did_you_mean
from qe_plugins.llm.requests import Request, Usage
from qe_plugins.units import Money

FILE = Path("configs") / "prices.yaml"

type Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the structs of the file."""


class Rates(Part, frozen=True, kw_only=True):
    """USD for a million tokens. `written` is a cache write; None costs what input costs."""

    input: Money
    cached: Money
    output: Money
    written: Money | None = None

    def __post_init__(self) -> None:
        for name in ("input", "cached", "output", "written"):
            amount = getattr(self, name)
            if amount is not None and not (amount.is_finite() and amount >= 0):
                raise ValueError(f"{name} must not be negative, was {amount}")


class Window(Rates, frozen=True, kw_only=True):
    """Hours of UTC, `01:00-04:00`, in which other rates hold, except on a country's holidays."""

    name: str
    days: list[Weekday]
    hours: list[str]
    holidays: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for span in self.hours:
            minutes(span)


class Price(Rates, frozen=True, kw_only=True):
    """The rates from a moment on, a day of UTC or `2026-12-01T16:00`, for prompts of up to
    `prompt_up_to` tokens.
    """

    since: datetime = msgspec.field(name="from")
    windows: list[Window] = []
    prompt_up_to: int | None = None
    source: str


class Model(Part, frozen=True, kw_only=True):
    """One model: its provider, its knowledge cutoff (`YYYY-MM`), and its prices."""

    provider: str
    cutoff: str | None = None
    retired: date | None = None
    prices: list[Price]


class ProviderTerms(Part, frozen=True, kw_only=True):
    """How to call a provider.

    `sdk` names its implementation: `openai`, `anthropic`, `offline`, or one that a plugin registers
    with the hook `register_providers`. `concurrency` is the maximum number of calls in flight. With
    `free` nothing is reserved or charged, and a key or an address is used only where `key` or
    `base_url` names one. `key` is the environment variable that holds the key; `extra_body` is sent
    with each call.
    """

    sdk: str
    concurrency: int
    free: bool = False
    base_url: str | None = None
    key: str | None = None
    extra_body: dict[str, Any] = {}
    source: str = ""


class Holidays(Part, frozen=True, kw_only=True):
    """A country's weekdays off, known up to a day."""

    until: date
    source: str
    days: list[date]


class PriceList(Part, frozen=True, kw_only=True, eq=False):
    """The whole file. It is compared by identity, so that results can be cached by it."""

    providers: dict[str, ProviderTerms]
    models: dict[str, Model]
    holidays: dict[str, Holidays] = {}

    def __post_init__(self) -> None:
        for name, model in self.models.items():
            if model.provider not in self.providers:
                raise ValueError(f"{name} is of no provider here: {model.provider!r}")
            if not model.prices:
                raise ValueError(f"{name} needs a price")
            for window in [window for price in model.prices for window in price.windows]:
                if window.holidays and window.holidays not in self.holidays:
                    raise ValueError(f"{name} has holidays of no country here: {window.holidays!r}")

    def model(self, name: str) -> Model:
        """Return a model's terms. Raises ModelError for one that the file does not have."""
        if name in self.models:
            return self.models[name]
        raise _unknown("model", name, self.models)

    def provider(self, name: str) -> ProviderTerms:
        """Return a provider's terms. Raises ModelError for one that the file does not have."""
        if name in self.providers:
            return self.providers[name]
        raise _unknown("provider", name, self.providers)


@lru_cache
def minutes(span: str) -> tuple[int, int]:
    """Return the minutes of the day of `01:00-04:00`. Raises ValueError for anything else."""
    try:
        first, last = (_minute(clock) for clock in span.split("-"))
    except ValueError:
        raise ValueError(f"hours must be written as 01:00-04:00, was {span!r}") from None
    if not 0 <= first < last <= 24 * 60:
        raise ValueError(f"hours must end after they begin, on the same day, was {span!r}")
    return first, last


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def price_list() -> PriceList:
    """Return the project's `configs/prices.yaml`, read again when the file has changed.

    Raises ConfigError where it is not there or not right.
    """
    file = _file(os.getcwd())
    try:
        known = file.stat()
    except OSError as error:
        _file.cache_clear()
        raise ConfigError(f"cannot be read: {error.strerror}.", where=str(FILE)) from error
    return _read_prices(file, known.st_mtime_ns, known.st_size, known.st_ino)


@lru_cache(maxsize=8)
def _file(folder: str) -> Path:
    return project.find_file(FILE, folder)


@lru_cache(maxsize=8)
def _read_prices(file: Path, *_state: int) -> PriceList:
    loaded: PriceList = Decoder("USD").decode(PriceList, read(file))
    return loaded


def _unknown(what: str, name: str, known: dict[str, Any]) -> ModelError:
    hint = did_you_mean(name, known) or f"Known: {', '.join(known)}."
    return ModelError(f"no {what} of {FILE}.", where=repr(name), hint=hint)


MILLION = Decimal(1_000_000)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHINA = timedelta(hours=8)  # its holidays begin at its midnight; it has no daylight saving
ENVELOPE = 64
"""Maximum number of tokens that a provider adds to a prompt."""

OF_TOOLS = 1_000
"""Maximum number of tokens that a provider adds to a prompt with tools, to explain their use."""


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
    prompt = sum(len(text.encode()) for text in (*texts, request.tools, request.exchanges))
    prompt += OF_TOOLS if request.tools else 0
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
