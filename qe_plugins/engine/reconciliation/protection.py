"""Each position has exactly one live stop of its size and side, at the broker, through the night.

What counts is IB's own echo of the order: a stop that is not GTC and `outsideRth` protects until
the regular session ends, and children of a bracket do not inherit either.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qe_plugins.engine.reconciliation.actions import (
    Action,
    CancelOrder,
    ClosePosition,
    HaltTrading,
    PlaceStop,
    RaiseAlarm,
)
from qe_plugins.engine.reconciliation.book import BookOrder, OwnBook
from qe_plugins.ib_client.records import BrokerOrder, BrokerSnapshot, Side

SECOND = 1_000_000_000
LIVE = frozenset({"PreSubmitted", "Submitted"})
"""States in which IB holds an order: one that is Inactive or pending protects nothing."""

LASTING = frozenset({"GTC", "GTD"})


class Stops(msgspec.Struct, frozen=True, kw_only=True):
    """The stops of a contract at the broker: what is held, and which orders protect it.

    `good` have the position's size and side, work outside regular hours and last; `wrong` are live
    stops that do not. `closing` are live market orders that close the position. `stray` are exits
    while nothing is held and no entry waits: each could open a position.
    """

    contract: str
    net: Decimal
    good: tuple[BrokerOrder, ...] = ()
    wrong: tuple[BrokerOrder, ...] = ()
    closing: tuple[BrokerOrder, ...] = ()
    stray: tuple[BrokerOrder, ...] = ()

    @property
    def is_right(self) -> bool:
        """Return whether the position has exactly one stop, and no exit is left without one."""
        if not self.net:
            return not self.stray
        return len(self.good) == 1 and not self.wrong

    @property
    def problem(self) -> str:
        """Return what is wrong in words; empty where nothing is."""
        if self.is_right:
            return ""
        if not self.net:
            refs = ", ".join(one.ref or str(one.perm_id) for one in self.stray)
            return f"{self.contract} is flat, and exits are live: {refs}"
        held = f"{self.net:+f} {self.contract}"
        if len(self.good) > 1:
            return f"{held} has {len(self.good)} live stops"
        if self.wrong:
            return f"{held} has a stop that does not fit: {_described(self.wrong[0])}"
        return f"{held} has no live stop"


def stops_of(contract: str, snapshot: BrokerSnapshot, book: OwnBook) -> Stops:
    """Return the stops of a contract as the broker lists them."""
    net = snapshot.position(contract)
    orders = [one for one in snapshot.open_orders if one.local_symbol == contract]
    entries = {(one.client_id, one.order_id) for one in orders if not one.parent_id}
    if not net:
        stray = [
            one
            for one in orders
            if is_exit(one, book) and (one.client_id, one.parent_id) not in entries
        ]
        return Stops(contract=contract, net=net, stray=tuple(stray))
    exits = [one for one in orders if one.side == exit_side(net)]
    stops = [one for one in exits if one.is_stop and one.status in LIVE]
    good: list[BrokerOrder] = []
    wrong: list[BrokerOrder] = []
    for one in stops:
        is_filling = (one.client_id, one.parent_id) in entries  # its entry has filled in part
        fits = one.remaining == abs(net) or (is_filling and one.remaining > abs(net))
        lasts = one.time_in_force in LASTING and one.outside_rth
        (good if fits and lasts else wrong).append(one)
    closing = [one for one in exits if one.kind == "MKT"]
    return Stops(
        contract=contract,
        net=net,
        good=tuple(sorted(good, key=_age)),
        wrong=tuple(sorted(wrong, key=_age)),
        closing=tuple(closing),
    )


class ProtectionWatch:
    """Finds positions without a stop, with two or with a wrong one, and acts after `grace` seconds.

    A stop or a close is sent once for a position: where it does not help, the session halts, since
    a second one may fill beside the first.
    """

    def __init__(self, grace: float = 5.0, patience: float = 10.0) -> None:
        self._grace, self._patience = int(grace * SECOND), int(patience * SECOND)
        self._since: dict[str, int] = {}
        self._acted: dict[str, tuple[Decimal, int]] = {}
        self._cancelled: set[int] = set()

    def check(
        self, stops: Stops, book: OwnBook, now: int, price: Decimal | None = None
    ) -> list[Action]:
        """Return what the stops of a contract cause at `now` (UTC ns); `price` is the last one."""
        contract = stops.contract
        if stops.is_right:
            self._since.pop(contract, None)
            self._acted.pop(contract, None)
            return []
        since = self._since.setdefault(contract, now)
        acted = self._acted.get(contract)
        if acted is not None and acted[0] != stops.net:
            acted = None  # another position than the one that was protected
            self._acted.pop(contract)
            since = self._since[contract] = now
        if now - since < SECOND:
            return []
        alarm = RaiseAlarm(f"protection:{contract}", stops.problem)
        if len(stops.good) > 1:
            return [alarm, *self._cancel(stops.good[1:], "the position has an earlier stop")]
        if now - since < self._grace:
            return [alarm]
        if not stops.net:
            return [alarm, *self._cancel(stops.stray, "nothing is held")]
        if stops.wrong:
            return [alarm, *self._cancel(stops.wrong, "it does not fit the position")]
        if acted is not None:
            if now - acted[1] < self._patience:
                return [alarm]
            return [
                alarm,
                HaltTrading(f"protection:{contract}", f"{stops.problem}; a repair did not help"),
            ]
        if stops.closing:
            return [
                alarm,
                HaltTrading(f"closing:{contract}", f"{stops.problem}, its close is not filled"),
            ]
        self._acted[contract] = stops.net, now
        return [alarm, self._repair(stops, book, price)]

    def set_back(self, now: int) -> None:
        """Take every time that is past `now` for now, where the clock was set back."""
        self._since = {contract: min(at, now) for contract, at in self._since.items()}
        self._acted = {name: (net, min(at, now)) for name, (net, at) in self._acted.items()}

    @property
    def problems(self) -> list[str]:
        """Return the contracts whose stops are not right."""
        return list(self._since)

    def _repair(self, stops: Stops, book: OwnBook, price: Decimal | None) -> Action:
        """Return the stop at the trade's own price, or the close where it has none or is passed."""
        trigger = own_stop_price(stops.contract, stops.net, book)
        if trigger is None:
            return ClosePosition(stops.contract, stops.net, "the price of its stop is not known")
        is_passed = price is not None and (price <= trigger if stops.net > 0 else price >= trigger)
        if is_passed:
            return ClosePosition(stops.contract, stops.net, f"its stop {trigger} is passed")
        return PlaceStop(stops.contract, exit_side(stops.net), abs(stops.net), trigger)

    def _cancel(self, orders: tuple[BrokerOrder, ...], why: str) -> list[Action]:
        """Return the cancellations that were not asked for before."""
        fresh = [one for one in orders if one.perm_id not in self._cancelled]
        self._cancelled |= {one.perm_id for one in fresh}
        return [CancelOrder(one.perm_id, one.ref, one.local_symbol, why) for one in fresh]


def own_stop_price(contract: str, net: Decimal, book: OwnBook) -> Decimal | None:
    """Return the trigger of the newest stop that our book had for a position; None without one."""
    side = exit_side(net)
    stops = [
        one
        for one in book.orders.values()
        if one.contract == contract and one.side == side and one.is_stop
    ]
    return max(stops, key=lambda one: one.since).trigger if stops else None


def exit_side(net: Decimal) -> Side:
    """Return the side of an order that closes a position."""
    return "SELL" if net > 0 else "BUY"


def is_exit(order: BrokerOrder, book: OwnBook) -> bool:
    """Return whether an order only ever closes a position."""
    ours: BookOrder | None = book.orders.get(order.ref)
    return order.parent_id != 0 or (ours is not None and ours.is_exit)


def _age(order: BrokerOrder) -> int:
    return order.perm_id


def _described(one: BrokerOrder) -> str:
    hours = "" if one.outside_rth else ", regular hours only"
    return f"{one.side.lower()} {one.remaining:f} at {one.stop_price}, {one.time_in_force}{hours}"


def left_to_a_person(actions: list[Action], stops: Stops) -> list[Action]:
    """Return what actions leave of a position that a person opened: alarms, and a halt."""
    text = f"{stops.problem}: it is a person's, and left to the person"
    found: list[Action] = []
    for one in actions:
        if isinstance(one, HaltTrading):
            found.append(HaltTrading(one.key, text))
        elif isinstance(one, RaiseAlarm):
            found.append(one)
    return found
