"""What a comparison with the broker causes, as data; `engine/supervision/` carries it out."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qe_plugins.ib_client.records import Side


class RaiseAlarm(msgspec.Struct, frozen=True, tag=True):
    """An alarm for a person; `key` is the same while it is about the same thing.

    One that is not urgent reports that something is right again.
    """

    key: str
    text: str
    is_urgent: bool = True


class HaltTrading(msgspec.Struct, frozen=True, tag=True):
    """Set the latch: no new risk until a person resumes."""

    key: str
    reason: str


class PlaceStop(msgspec.Struct, frozen=True, tag=True):
    """Place the one stop of a position, good until cancelled and outside regular hours."""

    contract: str
    side: Side
    quantity: Decimal
    trigger: Decimal


class ClosePosition(msgspec.Struct, frozen=True, tag=True):
    """Close a position at the market: it has no stop, and its price is not known or passed."""

    contract: str
    net: Decimal
    why: str


class CancelOrder(msgspec.Struct, frozen=True, tag=True):
    """Cancel one order at the broker. `ref` is its reference, empty for a person's."""

    perm_id: int
    ref: str
    contract: str
    why: str


class AdoptOrder(msgspec.Struct, frozen=True, tag=True):
    """Count an order at the broker as ours, though our book has it as ended or not at all."""

    perm_id: int
    ref: str
    contract: str
    why: str


class BeginAgain(msgspec.Struct, frozen=True, tag=True):
    """End the session and begin it again, with the broker's book: this one cannot be mended."""

    key: str
    why: str


class Resubscribe(msgspec.Struct, frozen=True, tag=True):
    """Unsubscribe from the market data of a contract and subscribe to it again, once."""

    contract: str
    why: str


type Action = (
    RaiseAlarm
    | HaltTrading
    | PlaceStop
    | ClosePosition
    | CancelOrder
    | AdoptOrder
    | BeginAgain
    | Resubscribe
)


class NewActions:
    """Returns each action when its cause begins, and again only once that has ended."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def new(self, group: str, actions: list[Action]) -> list[Action]:
        """Return what is new among all actions that hold now in a group."""
        holding = {_key(action): action for action in actions}
        known, self._known[group] = self._known.get(group, set()), set(holding)
        return [action for key, action in holding.items() if key not in known]

    def forget(self) -> None:
        """Have every action whose cause still holds returned again."""
        self._known.clear()


def _key(action: Action) -> str:
    key = getattr(action, "key", "") or getattr(action, "perm_id", "")
    return f"{type(action).__name__}:{key}"
