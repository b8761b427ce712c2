"""Host a strategy on a root: it is told of its front's bars, and of none of the roll's orders."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model import Bar
from nautilus_trader.trading import Strategy

from qe_plugins.engine.alarm import guarded
from qe_plugins.engine.floor import Floor
from qe_plugins.engine.follower import Follower
from qe_plugins.engine.following import FollowingStrategy
from qe_plugins.engine.host import callbacks, host


def host_on_front(author: Any, floor: Floor, follower: Follower) -> Any:
    """Derive the class that runs in place of a strategy on a root."""
    body = {
        name: _hushed(method, follower)
        for name, method in callbacks(author, FollowingStrategy).items()
        if name.startswith(("on_order", "on_position"))
    }

    def on_start(self: Any) -> None:
        for source in follower.sources:
            if floor.cache.instrument(source.instrument_id) is not None:
                Strategy.subscribe_bars(self, source)
                floor.circles.join("on_bar", source, self)
        floor.house.hears(follower.id)
        author.on_start(self)

    def on_front(self: Any, bar: Bar) -> None:
        for indicator in follower.indicators:
            indicator.handle_bar(bar)
        if bar.ts_event >= follower.next_at:
            self.turns(bar)
        if follower.listens:
            author.on_bar(self, bar)

    body |= {"on_start": on_start, "_follower": follower, "__module__": author.__module__}
    hosted: Any = host(type(author.__name__, (author,), body), floor, FollowingStrategy)
    watch = None if floor.hears else floor.house
    hosted.on_bar = _told(hosted.on_bar, guarded(on_front, floor.alarm, watch), follower)
    return hosted


def _told(on_bar: Any, on_front: Any, follower: Follower) -> Any:
    """Return the `on_bar` that hears of each contract, and passes on what it makes of the front."""

    def heard(self: Any, bar: Bar) -> None:
        kind = bar.bar_type
        if follower.asked and kind in follower.asked:
            on_bar(self, bar)
        if kind == follower.source and bar.ts_event >= follower.since:
            on_front(self, follower.hear())

    return heard


def _hushed(method: Any, follower: Follower) -> Any:
    """Wrap a callback so that the author does not hear of the roll's own orders."""

    def call(self: Any, event: Any) -> None:
        if not follower.hushes(event):
            method(self, event)

    return call
