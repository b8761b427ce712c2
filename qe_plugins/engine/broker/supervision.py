"""What watches a live session from inside its process: supervisors, and what they may ask of it.

A supervisor runs on the trading thread, in the callbacks that it registers, and must be quick. It
is the place for checks of the broker's book against ours, of the age of data, and the like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession

type Listener = Callable[[Any], object]
"""Called with an event, a quote or a bar."""

type Condition = Callable[[], str]
"""Returns why no order may add risk yet, empty where it may."""


class Supervisor(Protocol):
    """Watches a live session from its first moment to its last."""

    def start(self, session: LiveSession) -> None:
        """Begin. The node is connected and reconciled; components have been started."""

    def stop(self) -> None:
        """End. The node still runs."""


class Listeners:
    """Who is called with the events, quotes and bars of a session, in the order of registration."""

    def __init__(self) -> None:
        self.order_events: list[Listener] = []
        self.quotes: list[Listener] = []
        self.bars: list[Listener] = []
        self.facts: list[Listener] = []


def notify(listeners: list[Listener], event: Any) -> None:
    """Call every listener."""
    for listener in listeners:
        listener(event)
