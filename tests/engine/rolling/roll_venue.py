"""A venue for rolls, and a process on it that may die between any two actions."""

from __future__ import annotations

from dataclasses import dataclass, field

from qe_plugins.engine.rolling import session_roll as roll
from qe_plugins.engine.rolling.roll_state import (
    Action,
    Cancel,
    OrderRole,
    OrderUpdate,
    Phase,
    Resize,
    RollState,
    Send,
    SetHalt,
)

LIMIT = 100
OLD_SIDE = (OrderRole.EXIT, OrderRole.STOP, OrderRole.CLOSE, OrderRole.RESTORE)
STOPS = (OrderRole.STOP, OrderRole.NEW_STOP, OrderRole.RESTORE)


class Died(Exception):  # noqa: N818 - no mistake
    """The process ended here."""


@dataclass
class VenueOrder:
    id: str
    role: OrderRole
    quantity: int
    filled: int = 0
    accepted: bool = False
    closed: bool = False
    cancelled: bool = False

    @property
    def news(self) -> OrderUpdate:
        state = "closed" if self.closed else "working"
        return OrderUpdate(id=self.id, state=state, filled=self.filled)


@dataclass
class Venue:
    """The truth: orders and positions. Exits never fill more than what is held."""

    quantity: int
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def take(self, order_id: str, role: OrderRole, quantity: int) -> None:
        self.sent.append(order_id)
        self.orders[order_id] = VenueOrder(order_id, role, quantity)

    @property
    def before(self) -> int:
        return self.quantity - self._filled(*OLD_SIDE)

    @property
    def after(self) -> int:
        out = self._filled(OrderRole.NEW_EXIT, OrderRole.NEW_STOP, OrderRole.UNDO)
        return self._filled(OrderRole.ENTRY) - out

    def _filled(self, *roles: OrderRole) -> int:
        return sum(one.filled for one in self.orders.values() if one.role in roles)

    @property
    def open(self) -> list[VenueOrder]:
        return [one for one in self.orders.values() if not one.closed]

    def held_for(self, order: VenueOrder) -> int:
        """Return how many contracts an order may still fill."""
        left = order.quantity - order.filled
        if order.role is OrderRole.ENTRY:
            return left
        return min(left, self.before if order.role in OLD_SIDE else self.after)

    def fill(self, order: VenueOrder, contracts: int) -> None:
        order.accepted = True
        order.filled += contracts
        order.closed = order.filled == order.quantity
        held = self.before if order.role in OLD_SIDE else self.after
        entry = [one for one in self.open if one.role is OrderRole.ENTRY]
        if (
            order.role in (OrderRole.EXIT, OrderRole.STOP, OrderRole.NEW_EXIT, OrderRole.NEW_STOP)
            and not held
        ):
            siblings = (
                OLD_SIDE if order.role in OLD_SIDE else (OrderRole.NEW_EXIT, OrderRole.NEW_STOP)
            )
            for one in self.open:  # of orders that cancel one another
                one.closed = one.closed or (one.role in siblings and not entry)

    def protected(self, contract: str) -> bool:
        roles = (
            (OrderRole.STOP, OrderRole.RESTORE) if contract == "before" else (OrderRole.NEW_STOP,)
        )
        return any(one.role in roles for one in self.open)


@dataclass
class Process:
    """What sends the machine's orders. `stored` is the state on disk, `heard` news on their way."""

    venue: Venue
    state: RollState
    stored: RollState
    halts: list[str] = field(default_factory=list)
    heard: list[OrderUpdate] = field(default_factory=list)
    now: int = 0
    survives: int | None = None

    def take(self, step: roll.Step) -> None:
        """Store the state, then take the actions; die after `survives` of them."""
        self.state, actions = step
        self.stored = self.state
        for number, action in enumerate(actions):
            if self.survives is not None and number >= self.survives:
                raise Died
            self.act(action)
        if self.survives is not None:
            raise Died

    def act(self, action: Action) -> None:
        match action:
            case Send(orders):
                for one in orders:
                    if one.role is OrderRole.ENTRY:
                        assert self.venue.before == 0
                        assert not self.state.halted
                    self.venue.take(one.id, one.role, one.quantity)
            case Cancel(order_id):
                if order_id in self.venue.orders:
                    self.venue.orders[order_id].cancelled = True
            case Resize(order_id, quantity):
                self.venue.orders[order_id].quantity = quantity
            case SetHalt(reason):
                self.halts.append(reason)

    def restart(self) -> None:
        """Begin again from the disk, and ask the venue for the truth."""
        self.survives, self.heard, self.state = None, [], self.stored
        known = {name: order.news for name, order in self.venue.orders.items()}
        self.take(roll.resume(self.stored, known, self.now))

    def guarded(self, step: roll.Step) -> None:
        try:
            self.take(step)
        except Died:
            self.restart()

    def hear(self, news: OrderUpdate) -> None:
        self.guarded(roll.update(self.state, news, self.now))

    def catch_up(self) -> None:
        """Hear of everything that the venue knows."""
        self.heard = []
        for order in list(self.venue.orders.values()):
            if order.accepted or order.closed:
                self.hear(order.news)


def begun(quantity: int, *, stop: bool = True, target: bool = True, enters: bool = True) -> Process:
    """Begin to roll a position with its exits."""
    venue = Venue(quantity)
    exits = [("S", True)] * stop + [("T", False)] * target
    for name, is_stop in exits:
        venue.orders[name] = VenueOrder(
            name, OrderRole.STOP if is_stop else OrderRole.EXIT, quantity, accepted=True
        )
    step = roll.begin(
        "R1", "ESZ13.XCME", "ESH14.XCME",
        quantity=quantity,
        exits=[(name, is_stop, quantity) for name, is_stop in exits],
        enters=enters,
        now=0,
    )  # fmt: skip
    process = Process(venue, step[0], step[0])
    process.take(step)
    return process


def settle(process: Process) -> None:
    """Let a venue that does all it is asked to confirm everything."""
    for _ in range(50):
        for order in process.venue.open:
            order.accepted = True
            market = order.role in (OrderRole.CLOSE, OrderRole.ENTRY, OrderRole.UNDO)
            if market and process.venue.held_for(order):
                process.venue.fill(order, process.venue.held_for(order))
            elif order.cancelled:
                order.closed = True
        process.catch_up()
        if process.state.phase is Phase.ENDED:
            return
