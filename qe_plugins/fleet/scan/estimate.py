"""Estimate of a scan before it runs: nodes, calls, tokens and USD.

Five prices: now, at the models' off-peak and peak hours, with most of the prompt from the
provider's cache, and by the price list of the mission.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from qe_plugins.fleet.rank_models import addresses
from qe_plugins.fleet.settings import Fleet, Rank
from qe_plugins.fleet.tree import LEVELS, Level, rank_of, tree_of
from qe_plugins.llm.pricing.price_list import PriceList, cost, price_list, rates
from qe_plugins.llm.providers.registry import Address
from qe_plugins.llm.requests import Usage
from qe_plugins.llm.settings import Budgets

MISSION_MODEL = "deepseek-v4-flash"
MISSION_INPUT, MISSION_OUTPUT = 1_200, 300
MISSION_DAY = datetime(2026, 7, 1, 12, tzinfo=UTC)
CACHED = Decimal("0.75")
"""The part of a prompt that is the same in every call, and served from a cache."""

BYTES = 4
"""Bytes per token of prompt: a reservation counts each byte as a token."""

CENT = Decimal("0.01")
DAY = 86_400
HOURS = 24 * 14
"""Hours in which peak hours are searched for: no holiday is as long."""


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rank: nodes, the most calls and tokens, and the prices in USD.

    A rank that never asks its model makes no calls.
    """

    rank: Level
    model: str
    asks: str
    nodes: int
    calls: int
    input_tokens: int
    output_tokens: int
    now: Decimal
    cheap: Decimal
    peak: Decimal
    cached: Decimal


class ScanPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The estimate of a scan. `mission` prices its workers at the mission's list.

    `in_flight` is the worst case of the calls that may be in flight at once: a budget may be
    exceeded by as much where a scan is killed, or where a usage is implausible. `addresses` holds
    the URL of each provider and its source.

    `at` is the moment of `now`; `dear` says that it is a peak hour of some model. With the provider
    `offline` a scan costs nothing, and the amounts are those of the models named. `over` names the
    budgets that a scan at peak hours would exceed: `scan`, or a rank. Amounts are USD.
    """

    name: str
    provider: str
    at: datetime
    dear: bool
    nodes: int
    calls: int
    tokens: int
    lines: tuple[PlanLine, ...]
    now: Decimal
    cheap: Decimal
    peak: Decimal
    cached: Decimal
    mission: Decimal
    mission_basis: str
    scans_a_day: float
    day: Decimal
    scan_budget: Decimal | None
    day_budget: Decimal | None
    over: tuple[str, ...]
    in_flight: Decimal
    addresses: dict[str, tuple[str, str]]


def plan(fleet: Fleet, at: datetime | None = None, prices: PriceList | None = None) -> ScanPlan:
    """Return the estimate of a scan of a fleet at a moment, by default now.

    Raises ModelError for a model without a price.
    """
    moment, known = at or datetime.now(UTC), prices or price_list()
    counts = tree_of(fleet).counts()
    lines = tuple(
        _plan_line(level, rank_of(fleet, level), counts[level], moment, known) for level in LEVELS
    )
    calls = sum(line.calls for line in lines)
    now = sum((line.now for line in lines), Decimal(0))
    scans = DAY / fleet.schedule.every
    return ScanPlan(
        name=fleet.name,
        provider=fleet.provider,
        at=moment,
        dear=any(_is_peak(rank_of(fleet, level).model, moment, known) for level in LEVELS),
        nodes=sum(counts.values()),
        calls=calls,
        tokens=sum(line.input_tokens + line.output_tokens for line in lines),
        lines=lines,
        now=_cents(now),
        cheap=_cents(sum((line.cheap for line in lines), Decimal(0))),
        peak=_cents(sum((line.peak for line in lines), Decimal(0))),
        cached=_cents(sum((line.cached for line in lines), Decimal(0))),
        mission=_cents(_mission_cost(counts[Level.WORKER], known)),
        mission_basis=_mission_basis(counts[Level.WORKER], known),
        scans_a_day=round(scans, 1),
        day=_cents(now * Decimal(str(scans))),
        scan_budget=fleet.budgets.scan,
        day_budget=fleet.budgets.day,
        over=tuple(_exceeded_budgets(fleet.budgets, lines)),
        in_flight=_cents(_in_flight(fleet, counts, moment, known)),
        addresses={name: (url, source) for name, (url, source) in _addresses(fleet).items()},
    )


def _in_flight(fleet: Fleet, counts: dict[Level, int], at: datetime, prices: PriceList) -> Decimal:
    """Return the worst case in USD of all calls in flight at once, at the peak hour."""
    found = Decimal(0)
    for level in LEVELS:
        rank = rank_of(fleet, level)
        if level is not Level.WORKER and rank.ask_model == "never":
            continue
        terms = prices.provider(prices.model(rank.model).provider)
        calls = min(counts[level], fleet.calls.concurrency, terms.concurrency)
        worst = Usage(input=BYTES * rank.input_tokens, output=rank.output_tokens)
        found = max(found, calls * max(_worst_costs(prices, rank.model, worst, at)))
    return found


def _addresses(fleet: Fleet) -> dict[str, Address]:
    """Return the addresses of the models named, also with the provider `offline`."""
    return addresses(msgspec.structs.replace(fleet, provider="models"))


def _worst_costs(prices: PriceList, model: str, usage: Usage, at: datetime) -> Iterator[Decimal]:
    for then in _hours_ahead(at):
        rate = rates(prices, model, then)
        input_rate = max(rate.input, rate.written or rate.input)
        yield (usage.input * input_rate + usage.output * rate.output) / 1_000_000


def _exceeded_budgets(budgets: Budgets, lines: Sequence[PlanLine]) -> Iterator[str]:
    if budgets.scan is not None and sum(line.peak for line in lines) > budgets.scan:
        yield "scan"
    for line in lines:
        limit = budgets.ranks.get(line.rank)
        if limit is not None and line.peak > limit:
            yield line.rank.value


def _plan_line(level: Level, rank: Rank, nodes: int, at: datetime, prices: PriceList) -> PlanLine:
    calls = 0 if level is not Level.WORKER and rank.ask_model == "never" else nodes
    whole = Usage(input=rank.input_tokens, output=rank.output_tokens)
    kept = Usage(whole.input, int(whole.input * CACHED), whole.output)
    hours = sorted(_hours_ahead(at), key=lambda then: cost(prices, rank.model, whole, then))
    return PlanLine(
        rank=level,
        model=rank.model,
        asks="always" if level is Level.WORKER else rank.ask_model,
        nodes=nodes,
        calls=calls,
        input_tokens=calls * whole.input,
        output_tokens=calls * whole.output,
        now=calls * cost(prices, rank.model, whole, at),
        cheap=calls * cost(prices, rank.model, whole, hours[0]),
        peak=calls * cost(prices, rank.model, whole, hours[-1]),
        cached=calls * cost(prices, rank.model, kept, at),
    )


def _hours_ahead(at: datetime) -> list[datetime]:
    """Return the hours from a moment on, which include peak and off-peak ones."""
    return [at + timedelta(hours=n) for n in range(HOURS)]


def _is_peak(model: str, at: datetime, prices: PriceList) -> bool:
    return rates(prices, model, at).output > min(
        rates(prices, model, then).output for then in _hours_ahead(at)
    )


def _mission_cost(workers: int, prices: PriceList) -> Decimal:
    usage = Usage(input=MISSION_INPUT, output=MISSION_OUTPUT)
    return workers * cost(prices, MISSION_MODEL, usage, MISSION_DAY)


def _mission_basis(workers: int, prices: PriceList) -> str:
    rate = rates(prices, MISSION_MODEL, MISSION_DAY)
    tokens = MISSION_INPUT + MISSION_OUTPUT
    return f"{workers:,} workers x {tokens:,} tokens at ${rate.input}/${rate.output} a million"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
