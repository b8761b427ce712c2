"""Deliver an event to its subscribers in a fixed order: signal pipeline, then configuration order.

Nautilus' message bus has no such order: subscribers of equal priority are sorted by the addresses
of their names in memory, which differ from run to run. The bus calls all subscribers of an event
without interruption; so the dispatcher counts the calls, and at the last one delivers the event to
all of them in turn.
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
"""By callback, the function that returns the key under which an event was subscribed to."""

STOPPING = ("on_stop", "on_degrade", "on_fault")
"""Callbacks after which the engine sends a component no events until `on_resume`."""


type Handler = Callable[[Any], None]
type Callback = Callable[[Any, Any], None]


class Subscriber(msgspec.Struct, frozen=True, eq=False):
    """A subscribed component, its rank (lower ranks receive first) and its handler."""

    rank: int
    component: Any
    handle: Handler


class Subscription:
    """The subscribers of one key, in rank order.

    `arrived` is how many calls of the bus have come for the event at `ts` (UTC ns). `members` are
    the ids of the subscribed components: an event that reaches another component is its own.
    `first` is the signal pipeline where it receives these events: at the head of the subscribers,
    or, where there are none, by a subscription of its own.
    """

    __slots__ = ("arrived", "first", "members", "subscribers", "ts")

    def __init__(self) -> None:
        self.replace(())
        self.first: Any = None
        self.arrived = self.ts = 0

    def replace(self, subscribers: tuple[Subscriber, ...]) -> None:
        """Replace the subscribers."""
        self.subscribers = subscribers
        self.members = {id(one.component) for one in subscribers}

    def deliver(self, event: Any) -> None:
        """Count one call of the bus; at the last one have every subscriber handle the event.

        A lone subscriber is called directly. Raises RunError where the event before was incomplete.
        """
        subscribers = self.subscribers
        if len(subscribers) > 1:
            if self.ts != event.ts_init:
                self.check_complete()
            self.arrived, self.ts = self.arrived + 1, event.ts_init
            if self.arrived < len(subscribers):
                return
            self.arrived = 0
        if self.first is not None:
            self.first.on_bar(event)
        for one in subscribers:
            if subscribers is self.subscribers or one in self.subscribers:
                one.handle(event)

    def check_complete(self) -> None:
        """Raise RunError where an event has reached some of its subscribers and not all."""
        if self.arrived:
            names = ", ".join(type(one.component).__name__ for one in self.subscribers)
            raise RunError(f"an event at {self.ts} did not reach all of its subscribers ({names}).")


class Channel:
    """The subscriptions of one callback by key, and each class's handler of its events."""

    def __init__(self, name: str) -> None:
        self.name, self.key_of = name, KEYS[name]
        self.subscriptions: dict[Any, Subscription] = {}
        self.handlers: dict[type, Callback] = {}

    def subscription(self, key: Any) -> Subscription:
        """Return the subscription of a key; a new one where there is none."""
        return self.subscriptions.setdefault(key, Subscription())


class EventDispatcher:
    """All subscriptions of a run."""

    def __init__(self, trap: ExceptionTrap) -> None:
        self._trap = trap
        self._channels = {name: Channel(name) for name in KEYS}
        self._ranks: dict[type, int] = {}
        self._paused: dict[int, list[tuple[str, Any]]] = {}

    def register(self, hosted: Any) -> None:
        """Give a hosted class its rank, after those registered before, and wrap its callbacks.

        Call before an instance of it exists.
        """
        self._ranks[hosted] = len(self._ranks)
        for name, channel in self._channels.items():
            handler = channel.handlers[hosted] = getattr(hosted, name)
            setattr(hosted, name, self._dispatched(channel, handler))
        for name in STOPPING:
            setattr(hosted, name, _followed_by(getattr(hosted, name), self._pause))
        hosted.on_resume = _followed_by(hosted.on_resume, self._resume)

    def subscribe_first(self, pipeline: Any, bar_types: list[Any]) -> None:
        """Have the signal pipeline receive these bars before every other subscriber."""
        channel = self._channels["on_bar"]
        for bar_type in bar_types:
            subscription = channel.subscription(bar_type)
            subscription.first = pipeline
            if not subscription.subscribers:
                pipeline.subscribe_bars(bar_type)

    def components(self, name: str, key: Any) -> list[Any]:
        """Return the components that the bus calls for the events of a key."""
        subscription = self._channels[name].subscriptions.get(key)
        if subscription is None:
            return []
        found = [one.component for one in subscription.subscribers]
        return found or ([] if subscription.first is None else [subscription.first])

    def subscribe(self, name: str, key: Any, component: Any) -> None:
        """Add a component to the subscribers of a key, for its callback `name`.

        Nothing happens where its class is not registered or it is subscribed already.
        """
        rank = self._ranks.get(type(component))
        if rank is None:
            return
        channel = self._channels[name]
        subscription = channel.subscription(key)
        if any(one.component is component for one in subscription.subscribers):
            return
        if subscription.first is not None and not subscription.subscribers:
            subscription.first.unsubscribe_bars(key)
        handle = MethodType(channel.handlers[type(component)], component)
        added = Subscriber(rank, component, handle)
        subscription.replace(
            tuple(sorted((*subscription.subscribers, added), key=attrgetter("rank")))
        )

    def unsubscribe(self, name: str, key: Any, component: Any) -> None:
        """Remove a component from the subscribers of a key."""
        subscription = self._channels[name].subscription(key)
        rest = tuple(one for one in subscription.subscribers if one.component is not component)
        if len(rest) < len(subscription.subscribers):
            subscription.replace(rest)
            if subscription.first is not None and not rest:
                subscription.first.subscribe_bars(key)

    def check_complete(self) -> None:
        """Raise RunError where the last event did not reach every subscriber. Call at the end."""
        for channel in self._channels.values():
            for subscription in channel.subscriptions.values():
                subscription.check_complete()

    def _dispatched(self, channel: Channel, handler: Callback) -> Callback:
        """Return the callback that the engine calls in place of a component's handler."""

        def dispatch(component: Any, event: Any) -> None:
            subscription = channel.subscriptions.get(channel.key_of(event))
            if subscription is None or id(component) not in subscription.members:
                handler(component, event)
                return
            try:
                subscription.deliver(event)
            except RunError as error:
                self._trap.record(component, error, event)
                raise

        return dispatch

    def _pause(self, component: Any) -> None:
        """Remove a component from all its subscriptions, and remember them for `_resume`."""
        subscribed = [
            (name, key)
            for name, channel in self._channels.items()
            for key, subscription in channel.subscriptions.items()
            if id(component) in subscription.members
        ]
        self._paused[id(component)] = subscribed
        for name, key in subscribed:
            self.unsubscribe(name, key, component)

    def _resume(self, component: Any) -> None:
        for name, key in self._paused.pop(id(component), ()):
            self.subscribe(name, key, component)


def _followed_by(method: Any, action: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a callback that calls a component's `method`, then `action` with the component."""

    def call(component: Any) -> None:
        method(component)
        action(component)

    return call
