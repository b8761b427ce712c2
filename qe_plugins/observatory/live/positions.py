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


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position: signed contracts, average entry in points, and the stop that works, if any."""

    contracts: Decimal
    entry: Decimal | None
    stop: Decimal | None


def position_of(facts: Iterable[Fact], instrument_id: str) -> HeldPosition:
    """Return what a run holds of a contract, from its fills and orders in their order."""
    held, paid = Decimal(0), Decimal(0)
    stops: dict[str, tuple[str, Decimal]] = {}
    for fact in facts:
        body = fact.body
        if fact.kind is FactKind.OUTCOME:
            if body.get("status") in ENDED:
                stops.pop(fact.cause or "", None)
            continue
        if body.get("instrument_id") != instrument_id:
            continue
        if fact.kind is FactKind.FILL:
            stops.pop(f"order:{body.get('client_order_id')}", None)
            held, paid = _filled(held, paid, body)
        elif body.get("type") in STOPS and body.get("status") not in ENDED and body.get("trigger"):
            stops[fact.id] = (str(body["side"]), Decimal(str(body["trigger"])))
    away = "SELL" if held > 0 else "BUY"
    own = [price for side, price in stops.values() if side == away]
    stop = None if not held or not own else max(own) if held > 0 else min(own)
    return HeldPosition(contracts=held, entry=paid / held if held else None, stop=stop)


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
