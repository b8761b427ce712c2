"""Contract definitions, and the check of them against `configs/markets.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from qe_plugins.market.contract_key import ContractKey
from qe_plugins.market.expiry import stops_trading
from qe_plugins.market.specs import FILE, RootSpec, market, markets

__all__ = [
    "ContractDefinition",
    "ContractKind",
    "DefinitionRefusal",
    "RootSpec",
    "definition_by_rules",
    "disagreements",
    "market",
]


SECOND = 1_000_000_000
CLASSIFICATIONS = {"equity": "FFICSX", "rates": "FFDCSX"}
"""ISO 10962 codes of futures by the sessions that they trade in."""

COMMODITY = "FCECSX"


class ContractKind(StrEnum):
    """Kind of instrument."""

    FUTURE = "future"
    SPREAD = "spread"
    OPTION = "option"


class ContractDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. Futures have an `id` as catalogs and the engine use it, `ESH15.XCME`.

    `tick` is in points and, where `tick_limit` is set, holds up to that price; `tick_above` beyond.
    `multiplier` is currency a point, None where the definition states none. `root` of an option is
    that of its underlying future. `cfi` is the ISO 10962 classification, `sent` is when
    the definition was sent (UTC nanoseconds), `definitions` counts how often it was sent.
    """

    id: str | None
    raw: str
    root: str
    kind: ContractKind
    year: int
    month: int
    exchange: str
    currency: str
    tick: Decimal | None
    tick_limit: Decimal | None = None
    tick_above: Decimal | None = None
    multiplier: Decimal | None
    activation: datetime | None
    expiry: datetime
    underlying: str | None = None
    strike: Decimal | None = None
    cfi: str = ""
    sent: int = 0
    definitions: int = 1

    @property
    def name(self) -> str:
        """Return the two-digit name of a future, the raw name of anything else."""
        return self.id.partition(".")[0] if self.id else self.raw

    @property
    def key(self) -> ContractKey:
        """Return root, delivery year and month."""
        return ContractKey(self.root, self.year, self.month)


def definition_by_rules(key: ContractKey, sent: int) -> ContractDefinition:
    """Return a future's definition by the exchange's rules and the terms of `configs/markets.yaml`.

    `sent` is since when it is known (UTC nanoseconds). Raises DataError for an unknown root.
    """
    terms = market(key.root)
    return ContractDefinition(
        id=f"{key.name}.{terms.exchange}",
        raw=key.raw,
        root=key.root,
        kind=ContractKind.FUTURE,
        year=key.year,
        month=key.month,
        exchange=terms.exchange,
        currency=terms.currency,
        tick=terms.tick,
        multiplier=terms.multiplier,
        activation=None,
        expiry=datetime.fromtimestamp(stops_trading(key.name, sent) // SECOND, UTC),
        cfi=CLASSIFICATIONS.get(terms.sessions, COMMODITY),
        sent=sent,
    )


class DefinitionRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a definition that differs from `configs/markets.yaml`, or is impossible.

    `expected` is empty where the file has no such figure.
    """

    name: str
    figure: str
    stated: str
    expected: str = ""

    def __str__(self) -> str:
        said = f"{self.name}: {self.figure} {self.stated}"
        return f"{said}, but {self.expected} in {FILE}" if self.expected else said


def disagreements(
    contract: ContractDefinition, multipliers: list[Decimal]
) -> Iterator[DefinitionRefusal]:
    """Yield the figures of a definition that differ from `configs/markets.yaml`.

    Roots that the file does not have are not compared. `multipliers` are those that follow from the
    definition's unit of measure and from its tick value: a face value taken for the multiplier
    would make profits a hundred times too large.
    """
    if contract.kind is ContractKind.FUTURE:
        yield from _impossible_figures(contract)
    roots = markets().roots
    terms = roots.get(contract.root)
    exchanges = {root.exchange for root in roots.values()}
    if terms is None or contract.kind is ContractKind.SPREAD or contract.exchange not in exchanges:
        return
    for multiplier in dict.fromkeys(multipliers):
        if multiplier != terms.multiplier:
            yield _disagreement(contract, "multiplier", multiplier, terms.multiplier)
    if contract.kind is ContractKind.FUTURE and contract.tick and contract.tick != terms.tick:
        yield _disagreement(contract, "tick", contract.tick, terms.tick)
    if contract.kind is ContractKind.FUTURE and contract.key.letter not in terms.months:
        yield _disagreement(contract, "delivery month", contract.key.letter, terms.months)
    if contract.exchange != terms.exchange:
        yield _disagreement(contract, "exchange", contract.exchange, terms.exchange)


def _impossible_figures(contract: ContractDefinition) -> Iterator[DefinitionRefusal]:
    """Yield the figures with which no contract of any root can be traded."""
    for figure in ("tick", "multiplier"):
        value = getattr(contract, figure)
        if value is None or value <= 0:
            stated = "is not stated" if value is None else f"cannot be {_figure_text(value)}"
            yield DefinitionRefusal(name=contract.name, figure=figure, stated=stated)
    if contract.activation is not None and contract.expiry <= contract.activation:
        stated = f"{contract.expiry} is before its activation"
        yield DefinitionRefusal(name=contract.name, figure="expiry", stated=stated)


def _disagreement(
    contract: ContractDefinition, figure: str, stated: object, expected: object
) -> DefinitionRefusal:
    return DefinitionRefusal(
        name=contract.name,
        figure=figure,
        stated=_figure_text(stated),
        expected=_figure_text(expected),
    )


def _figure_text(figure: object) -> str:
    return f"{figure:,f}" if isinstance(figure, Decimal) else str(figure)
