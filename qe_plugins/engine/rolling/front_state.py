"""Where a strategy on a root stands: the contract it trades, and the turn that waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar, BarType, InstrumentId, PositionClosed, PositionOpened

if TYPE_CHECKING:
    from qe_plugins.data.catalog.reader import SplicedBars
    from qe_plugins.engine.rolling.front import Front
    from qe_plugins.engine.rolling.roll_points import RollPoint
    from qe_plugins.engine.settings.entries import RollSettings

NEVER = 2**63 - 1
TRANSLATED = ("orders", "positions", "position", "net_", "is_", "realized", "unrealized")
BARS: dict[str, Callable[..., Any]] = {
    "bar": lambda past, index=0: past[-1 - index] if index < len(past) else None,
    "bars": lambda past: list(reversed(past)) or None,
    "bar_count": len,
    "has_bars": bool,
}


class FrontState:
    """Where one strategy on a root stands: the contract it trades, and the turn that waits.

    `next_at` is when there is something to do: now where a turn waits, else at the next turn.
    `source` are the bars of which the front's are made `since` a moment (UTC ns), None while none
    are known to come. `past` are the front's last `kept` bars, oldest first. `listens` says whether
    the author wants them, `asked` which other bars.
    """

    def __init__(self, front: Front, follows: RollSettings, *, kept: int) -> None:
        self.front, self.follows = front, follows
        self.id = InstrumentId.from_str(front.id)
        self.label = BarType.from_str(front.bar_type)
        self.contract = InstrumentId.from_str(front.first)
        self._due: RollPoint | None = None
        self.quiet: set[Any] = set()
        self.indicators: list[Any] = []
        self.source: BarType | None = None
        self.since = 0
        self.past: deque[Bar] = deque(maxlen=kept)
        self.listens, self.asked = False, set[Any]()
        self._bars: deque[Bar] = deque()
        self._strands: deque[SplicedBars] = deque()
        self._coming = list(front.turns)
        self.next_at = self._next_at()

    @property
    def sources(self) -> list[BarType]:
        """Return the bars of every contract that is the front on this tape."""
        return [BarType.from_str(name) for _, name in self.front.woven.parts]

    def expects(self, strands: Iterable[SplicedBars]) -> None:
        """Take the front's next bars, in order; who has not heard the last ones has stopped."""
        self._strands = deque(one for one in strands if one.name == self.front.bar_type)
        self._follow()

    def hear(self) -> Bar:
        """Return the front's bar that comes with a bar of `source`, and go on to the next one."""
        bar = self._bars.popleft()
        if not self._bars:
            self._follow()
        self.past.append(bar)
        return bar

    def _follow(self) -> None:
        strand = self._strands.popleft() if self._strands else None
        self._bars = deque(strand.bars if strand else ())
        self.source = BarType.from_str(strand.of) if strand else None
        self.since = self._bars[0].ts_event if self._bars else 0

    @property
    def due(self) -> RollPoint | None:
        """Return the turn that waits to be made."""
        return self._due

    def arrive(self, turn: RollPoint) -> None:
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

    def passed(self, ts: int) -> list[RollPoint]:
        """Return the turns up to a bar's close."""
        return [turn for turn in self.front.turns if turn.at <= ts]

    def hushes(self, event: Any) -> bool:
        """Say whether an event is about an order of the roll itself."""
        about = {PositionOpened: "opening_order_id", PositionClosed: "closing_order_id"}
        name = about.get(type(event), "client_order_id")
        return getattr(event, name, None) in self.quiet


class FrontView:
    """The engine's cache or portfolio, where the front's id means the contract it stands for.

    The front's bars are those that were heard, the last one first as the engine has them.
    """

    def __init__(self, inner: Any, follower: FrontState) -> None:
        self._inner, self._follower = inner, follower

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if name in BARS:
            return partial(self._of_bars, BARS[name], attribute)
        if not name.startswith(TRANSLATED) or not callable(attribute):
            return attribute
        follower = self._follower

        def translated(*args: Any, **kwargs: Any) -> Any:
            args = tuple(follower.contract if a == follower.id else a for a in args)
            kwargs = {k: follower.contract if v == follower.id else v for k, v in kwargs.items()}
            return attribute(*args, **kwargs)

        return translated

    def _of_bars(
        self,
        ours: Callable[..., Any],
        theirs: Callable[..., Any],
        bar_type: Any,
        *args: Any,
        **kw: Any,
    ) -> Any:
        if bar_type == self._follower.label:
            return ours(self._follower.past, *args, **kw)
        return theirs(bar_type, *args, **kw)
