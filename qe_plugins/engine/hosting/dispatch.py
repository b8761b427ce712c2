"""Who hears the same events, and in which order: the bridge, then as the configuration has them.

The engine's message bus has no such order: among equals it goes by where their names are in memory,
which is another place in every run. So who is told first waits, and once the engine has told all of
them, which it does at one go, they handle the event in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import MethodType
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins.errors import RunError

if TYPE_CHECKING:
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap

KEYS: dict[str, Callable[[Any], Any]] = {
    "on_bar": attrgetter("bar_type"),
    "on_quote": attrgetter("instrument_id"),
    "on_trade": attrgetter("instrument_id"),
    "on_data": attrgetter("data_type"),
}
"""What can be subscribed to, by callback, and what an event of it was subscribed to by."""

LEAVES = ("on_stop", "on_degrade", "on_fault")
"""Callbacks after which the engine tells a component nothing, until `on_resume`."""


type Handler = Callable[[Any], None]
type Callback = Callable[[Any, Any], None]


class Subscriber(msgspec.Struct, frozen=True, eq=False):
    """A component's place in a circle, and how it handles an event."""

    rank: int
    component: Any
    handle: Handler


class Subscription:
    """Those who receive the same events, in order. `told` is how many the engine has told of one.

    `members` are their identities: a component that receives such events by other means is told by
    itself. `leader` is the bridge where it receives these events: through the others, or where
    there are none by a subscription of its own.
    """

    __slots__ = ("leader", "members", "seats", "told", "ts")

    def __init__(self) -> None:
        self.sit(())
        self.leader: Any = None
        self.told = self.ts = 0

    def sit(self, seats: tuple[Subscriber, ...]) -> None:
        """Have other members."""
        self.seats = seats
        self.members = {id(seat.component) for seat in seats}

    def tell(self, event: Any) -> None:
        """Take it that one more was told of an event; let all handle it once all were told."""
        seats = self.seats
        if len(seats) > 1:
            if self.ts != event.ts_init:
                self.finish()
            self.told, self.ts = self.told + 1, event.ts_init
            if self.told < len(seats):
                return
            self.told = 0
        if self.leader is not None:
            self.leader.on_bar(event)
        for seat in seats:
            if seats is self.seats or seat in self.seats:
                seat.handle(event)

    def finish(self) -> None:
        """Raise RunError where somebody was not told of the event that others were told of."""
        if self.told:
            names = ", ".join(type(seat.component).__name__ for seat in self.seats)
            raise RunError(f"one of {names} was not told of an event at {self.ts}.")


class Channel:
    """The circles of one callback, and how each class handles an event."""

    def __init__(self, name: str) -> None:
        self.name, self.key_of = name, KEYS[name]
        self.circles: dict[Any, Subscription] = {}
        self.handlers: dict[type, Callback] = {}

    def circle(self, key: Any) -> Subscription:
        """Return the circle of a key, new where there is none."""
        return self.circles.setdefault(key, Subscription())


class EventDispatcher:
    """All circles of a run."""

    def __init__(self, alarm: ExceptionTrap) -> None:
        self._alarm = alarm
        self._subjects = {name: Channel(name) for name in KEYS}
        self._ranks: dict[type, int] = {}
        self._away: dict[int, list[tuple[str, Any]]] = {}

    def admit(self, hosted: Any) -> None:
        """Give a hosted class its rank: after those that were admitted before."""
        self._ranks[hosted] = len(self._ranks)
        for name, subject in self._subjects.items():
            handler = subject.handlers[hosted] = getattr(hosted, name)
            setattr(hosted, name, self._told(subject, handler))
        for name in LEAVES:
            setattr(hosted, name, self._then(getattr(hosted, name), self._leaves))
        hosted.on_resume = self._then(hosted.on_resume, self._returns)

    def lead(self, bridge: Any, bar_types: list[Any]) -> None:
        """Have the bridge hear bars before everybody else."""
        subject = self._subjects["on_bar"]
        for bar_type in bar_types:
            circle = subject.circle(bar_type)
            circle.leader = bridge
            if not circle.seats:
                bridge.subscribe_bars(bar_type)

    def join(self, name: str, key: Any, component: Any) -> None:
        """Take in a component that has subscribed to what its callback `name` is told of."""
        rank = self._ranks.get(type(component))
        if rank is None:
            return
        subject = self._subjects[name]
        circle = subject.circle(key)
        if any(seat.component is component for seat in circle.seats):
            return
        if circle.leader is not None and not circle.seats:
            circle.leader.unsubscribe_bars(key)
        handle = MethodType(subject.handlers[type(component)], component)
        seat = Subscriber(rank, component, handle)
        circle.sit(tuple(sorted((*circle.seats, seat), key=attrgetter("rank"))))

    def leave(self, name: str, key: Any, component: Any) -> None:
        """Let a component go that is told no more."""
        subject = self._subjects[name]
        circle = subject.circle(key)
        rest = tuple(seat for seat in circle.seats if seat.component is not component)
        if len(rest) < len(circle.seats):
            circle.sit(rest)
            if circle.leader is not None and not rest:
                circle.leader.subscribe_bars(key)

    def finish(self) -> None:
        """Raise RunError where somebody was not told of the last event. Call when all is over."""
        for subject in self._subjects.values():
            for circle in subject.circles.values():
                circle.finish()

    def _told(self, subject: Channel, handler: Callback) -> Callback:
        """Return the callback that the engine calls in place of a component's handler."""

        def told(component: Any, event: Any) -> None:
            circle = subject.circles.get(subject.key_of(event))
            if circle is None or id(component) not in circle.members:
                handler(component, event)
                return
            try:
                circle.tell(event)
            except RunError as error:
                self._alarm.ring(component, error, event)
                raise

        return told

    def _then(self, method: Any, act: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(component: Any) -> None:
            method(component)
            act(component)

        return call

    def _leaves(self, component: Any) -> None:
        left = [
            (name, key)
            for name, subject in self._subjects.items()
            for key, circle in subject.circles.items()
            if any(seat.component is component for seat in circle.seats)
        ]
        self._away[id(component)] = left
        for name, key in left:
            self.leave(name, key, component)

    def _returns(self, component: Any) -> None:
        for name, key in self._away.pop(id(component), ()):
            self.join(name, key, component)
