"""Where a strategy on a root stands: the contract it trades, and the turn that waits."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model import BarType, InstrumentId, PositionClosed, PositionOpened

from qe_plugins.config.strategies import Follows
from qe_plugins.engine.fronts import Front
from qe_plugins.engine.turns import Turn

NEVER = 2**63 - 1
TRANSLATED = ("orders", "positions", "position", "net_", "is_", "realized", "unrealized")


class Follower:
    """Where one strategy on a root stands: the contract it trades, and the turn that waits.

    `next_at` is when there is something to do: now where a turn waits, else at the next turn.
    """

    def __init__(self, front: Front, follows: Follows) -> None:
        self.front, self.follows = front, follows
        self.id = InstrumentId.from_str(front.id)
        self.label = BarType.from_str(front.bar_type)
        self.contract = InstrumentId.from_str(front.first)
        self._due: Turn | None = None
        self.quiet: set[Any] = set()
        self.indicators: list[Any] = []
        self._coming = list(front.turns)
        self.next_at = self._next_at()

    @property
    def due(self) -> Turn | None:
        """The turn that waits to be made."""
        return self._due

    def arrive(self, turn: Turn) -> None:
        """Trade the contract that a turn leads to."""
        self.contract, self._due = InstrumentId.from_str(turn.after), None
        self.next_at = self._next_at()

    def reach(self, ts: int) -> bool:
        """Take the turns up to a bar's close. Say whether there was one."""
        reached = False
        while self._coming and self._coming[0].at <= ts:
            self._due, reached = self._coming.pop(0), True
        self.next_at = self._next_at()
        return reached

    def _next_at(self) -> int:
        if self._due is not None:
            return 0
        return self._coming[0].at if self._coming else NEVER

    def passed(self, ts: int) -> list[Turn]:
        """Return the turns up to a bar's close."""
        return [turn for turn in self.front.turns if turn.at <= ts]

    def hushes(self, event: Any) -> bool:
        """Say whether an event is about an order of the roll itself."""
        about = {PositionOpened: "opening_order_id", PositionClosed: "closing_order_id"}
        name = about.get(type(event), "client_order_id")
        return getattr(event, name, None) in self.quiet


class Translated:
    """The engine's cache or portfolio, where the front's id means the contract it stands for."""

    def __init__(self, inner: Any, follower: Follower) -> None:
        self._inner, self._follower = inner, follower

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not name.startswith(TRANSLATED) or not callable(attribute):
            return attribute
        follower = self._follower

        def translated(*args: Any, **kwargs: Any) -> Any:
            args = tuple(follower.contract if a == follower.id else a for a in args)
            kwargs = {k: follower.contract if v == follower.id else v for k, v in kwargs.items()}
            return attribute(*args, **kwargs)

        return translated
