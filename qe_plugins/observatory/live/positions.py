"""What a session holds, from its facts: the average entry of a position, and its stop."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from qe_plugins.journal.facts import Fact, FactKind

STOPS = frozenset({"STOP_MARKET", "STOP_LIMIT", "TRAILING_STOP_MARKET", "TRAILING_STOP_LIMIT"})
ENDED = frozenset({"FILLED", "CANCELED", "REJECTED", "DENIED", "EXPIRED"})
KINDS = (FactKind.FILL, FactKind.ORDER, FactKind.OUTCOME)
"""The kinds of facts that `position_of` reads."""


class WorkingStop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop that works: its side, its trigger in points, and the contracts it still closes."""

    side: str
    trigger: Decimal
    contracts: Decimal


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position: signed contracts, average entry in points, and the stop that works, if any.

    `at_stops` is what its contracts earn from the entry if the stops fill at their triggers, in
    points times contracts, negative for a loss. It is None where `bare` contracts have no stop.
    """

    contracts: Decimal
    entry: Decimal | None
    stop: Decimal | None
    at_stops: Decimal | None = None
    bare: Decimal = Decimal(0)


def position_of(facts: Iterable[Fact], instrument_id: str) -> HeldPosition:
    """Return what a run holds of a contract, from its fills and orders in their order."""
    held, paid = Decimal(0), Decimal(0)
    stops: dict[str, WorkingStop] = {}
    for fact in facts:
        body = fact.body
        if fact.kind is FactKind.OUTCOME:
            if body.get("status") in ENDED:
                stops.pop(fact.cause or "", None)
            continue
        if body.get("instrument_id") != instrument_id:
            continue
        if fact.kind is FactKind.FILL:
            held, paid = _filled(held, paid, body)
            order, size = f"order:{body.get('client_order_id')}", Decimal(str(body["quantity"]))
            if order in stops:
                _keep(stops, order, stops[order], stops[order].contracts - size)
        elif body.get("type") in STOPS:
            order = fact.id.partition("#")[0]  # `order:ID#2` is a change of `order:ID`
            known = stops.get(order)
            trigger = body.get("trigger") or (known and known.trigger)
            if trigger and body.get("status") not in ENDED:
                one = WorkingStop(
                    side=str(body["side"]), trigger=Decimal(str(trigger)), contracts=Decimal(0)
                )
                _keep(stops, order, one, Decimal(str(body["quantity"])))
    return _with_stops(held, paid, stops.values())


def _keep(stops: dict[str, WorkingStop], order: str, stop: WorkingStop, contracts: Decimal) -> None:
    """Keep a stop with the contracts that it closes from now on, or drop it with none left."""
    stops.pop(order, None)
    if contracts > 0:
        stops[order] = msgspec.structs.replace(stop, contracts=contracts)


def _with_stops(held: Decimal, paid: Decimal, stops: Iterable[WorkingStop]) -> HeldPosition:
    """Return a position and what its stops leave of it; the nearest fills first."""
    if not held:
        return HeldPosition(contracts=held, entry=None, stop=None)
    sign, away = (1, "SELL") if held > 0 else (-1, "BUY")
    own = sorted((one for one in stops if one.side == away), key=lambda one: -sign * one.trigger)
    bare, left = abs(held), -paid
    for one in own:
        closed = min(bare, one.contracts)
        bare -= closed
        left += sign * closed * one.trigger
    return HeldPosition(
        contracts=held,
        entry=paid / held,
        stop=own[0].trigger if own else None,
        at_stops=None if bare else left,
        bare=bare,
    )


def _filled(held: Decimal, paid: Decimal, body: dict[str, object]) -> tuple[Decimal, Decimal]:
    """Return contracts and their cost after a fill; what reverses them begins a new position."""
    size, price = Decimal(str(body["quantity"])), Decimal(str(body["price"]))
    signed = size if body["side"] == "BUY" else -size
    after = held + signed
    if held * signed >= 0:
        return after, paid + signed * price
    if held * after > 0:
        return after, paid * after / held
    return after, after * price
