"""The state of a roll in a session: its orders, its phase, and the actions that it asks for."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Phase(StrEnum):
    """Where a roll stands. Only while `closing` may the position be without a stop."""

    CANCELLING = "cancelling"
    CLOSING = "closing"
    OPENING = "opening"
    ENDED = "ended"


class OrderRole(StrEnum):
    """What an order is for. `exit` and `stop` are the strategy's own, in the old contract."""

    EXIT = "exit"
    STOP = "stop"
    CLOSE = "close"
    RESTORE = "restore"
    ENTRY = "entry"
    NEW_EXIT = "new_exit"
    NEW_STOP = "new_stop"
    UNDO = "undo"


OLD = (OrderRole.EXIT, OrderRole.STOP)
NEW = (OrderRole.NEW_EXIT, OrderRole.NEW_STOP)

type OrderState = Literal["intended", "working", "closed"]
type Outcome = Literal["rolled", "flat", "kept"]


class RollOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a roll: `intended` until the venue has confirmed it, `closed` for good.

    `of` is the id of the strategy's order that a new exit, or a restored stop, is a copy of.
    """

    id: str
    role: OrderRole
    quantity: int
    of: str = ""
    filled: int = 0
    state: OrderState = "intended"

    @property
    def is_open(self) -> bool:
        """Return whether it may still fill."""
        return self.state != "closed"


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an order: its state, and how many contracts of it have filled in all."""

    id: str
    state: Literal["working", "closed"]
    filled: int


class RollState(msgspec.Struct, frozen=True, kw_only=True):
    """A roll of `quantity` contracts. `since` is when its phase began (UTC nanoseconds).

    New exits are those of the old contract, moved by `spread`, a number of points.
    `halted` is why it needs a person, empty where it does not. `outcome` is None until its end.
    """

    name: str
    before: str
    after: str
    quantity: int
    orders: tuple[RollOrder, ...]
    since: int
    enters: bool
    long: bool = True
    spread: str = "0"
    phase: Phase = Phase.CANCELLING
    halted: str = ""
    outcome: Outcome | None = None

    def of(self, *roles: OrderRole) -> list[RollOrder]:
        """Return the orders of some roles."""
        return [one for one in self.orders if one.role in roles]

    @property
    def held_before(self) -> int:
        """Return how many contracts are still held in the old contract, negative if too many were
        closed.
        """
        out = self.of(OrderRole.EXIT, OrderRole.STOP, OrderRole.CLOSE, OrderRole.RESTORE)
        return self.quantity - sum(one.filled for one in out)

    @property
    def held_after(self) -> int:
        """Return how many contracts are held in the new contract."""
        entered = sum(one.filled for one in self.of(OrderRole.ENTRY))
        return entered - sum(one.filled for one in self.of(*NEW, OrderRole.UNDO))

    @property
    def where(self) -> str:
        """Return in words where it stands."""
        waits = [f"{one.role} {one.id}" for one in self.orders if one.is_open]
        held = f"{self.held_before} in {self.before}, {self.held_after} in {self.after}"
        return f"roll {self.name} is {self.phase}, held {held}, open: {', '.join(waits) or 'none'}"


class Send(msgspec.Struct, frozen=True):
    """Send orders together, as one list."""

    orders: tuple[RollOrder, ...]


class Cancel(msgspec.Struct, frozen=True):
    """Cancel an order; doing so again is harmless."""

    id: str


class Resize(msgspec.Struct, frozen=True):
    """Reduce an exit to the contracts that are held."""

    id: str
    quantity: int


class SetHalt(msgspec.Struct, frozen=True):
    """Set the halt latch."""

    reason: str


type Action = Send | Cancel | Resize | SetHalt
type Step = tuple[RollState, tuple[Action, ...]]
