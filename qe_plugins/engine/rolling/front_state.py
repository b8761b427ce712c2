"""The state of a strategy on a root: the contract that it trades, and the roll that is pending."""

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
TRANSLATED_PREFIXES = ("orders", "positions", "position", "net_", "is_", "realized", "unrealized")
BARS: dict[str, Callable[..., Any]] = {
    "bar": lambda past, index=0: past[-1 - index] if index < len(past) else None,
    "bars": lambda past: list(reversed(past)) or None,
    "bar_count": len,
    "has_bars": bool,
}


class FrontState:
    """The state of one strategy on a root.

    `contract` is the contract that it trades, which changes later than the front month while a roll
    is pending. `next_at` is when the next roll may be due: 0 while one is pending, else the time of
    the next roll point (UTC ns). `source` is the bar type that the front's bars come from, `since`
    the close of the first of them (UTC ns); it is None where this chunk has no more. `past` has the
    front's last bars, at most `capacity`, oldest first. `roll_orders` are the client order ids of
    the rolls' own orders, `wants_bars` says whether the author subscribed to the front's bars,
    `other_bars` to which other bars.
    """

    def __init__(self, front: Front, settings: RollSettings, *, capacity: int) -> None:
        self.front, self.settings = front, settings
        self.id = InstrumentId.from_str(front.id)
        self.label = BarType.from_str(front.bar_type)
        self.contract = InstrumentId.from_str(front.first)
        self._pending: RollPoint | None = None
        self.roll_orders: set[Any] = set()
        self.indicators: list[Any] = []
        self.source: BarType | None = None
        self.since = 0
        self.past: deque[Bar] = deque(maxlen=capacity)
        self.wants_bars, self.other_bars = False, set[Any]()
        self._bars: deque[Bar] = deque()
        self._spliced_bars: deque[SplicedBars] = deque()
        self._ahead = list(front.roll_points)
        self.next_at = self._next_at()

    @property
    def sources(self) -> list[BarType]:
        """Return the bar types of every contract that is the front month during the run."""
        return [BarType.from_str(name) for _, name in self.front.spliced_series.parts]

    def start_chunk(self, spliced: Iterable[SplicedBars]) -> None:
        """Take the front's bars of the next chunk; a stopped strategy has left the last ones."""
        self._spliced_bars = deque(one for one in spliced if one.name == self.front.bar_type)
        self._follow()

    def next_bar(self) -> Bar:
        """Return the front's bar at the moment of a bar of `source`, and advance to the next."""
        bar = self._bars.popleft()
        if not self._bars:
            self._follow()
        self.past.append(bar)
        return bar

    def _follow(self) -> None:
        part = self._spliced_bars.popleft() if self._spliced_bars else None
        self._bars = deque(part.bars if part else ())
        self.source = BarType.from_str(part.of) if part else None
        self.since = self._bars[0].ts_event if self._bars else 0

    @property
    def pending(self) -> RollPoint | None:
        """Return the roll point at which the position has not been rolled yet, None without one."""
        return self._pending

    def rolled_to(self, roll_point: RollPoint) -> None:
        """Trade the contract after a roll point from now on."""
        self.contract, self._pending = InstrumentId.from_str(roll_point.after), None
        self.next_at = self._next_at()

    def advance(self, ts: int) -> bool:
        """Pass the roll points up to a bar's close (UTC ns). Return whether there was one."""
        reached = False
        while self._ahead and self._ahead[0].at <= ts:
            self._pending, reached = self._ahead.pop(0), True
        self.next_at = self._next_at()
        return reached

    def _next_at(self) -> int:
        if self._pending is not None:
            return 0
        return self._ahead[0].at if self._ahead else NEVER

    def passed_roll_points(self, ts: int) -> list[RollPoint]:
        """Return the roll points up to a bar's close (UTC ns)."""
        return [point for point in self.front.roll_points if point.at <= ts]

    def hides(self, event: Any) -> bool:
        """Return whether an event is of a roll's own order, which is hidden from the author."""
        about = {PositionOpened: "opening_order_id", PositionClosed: "closing_order_id"}
        name = about.get(type(event), "client_order_id")
        return getattr(event, name, None) in self.roll_orders


class FrontView:
    """The engine's cache or portfolio, where the front's id stands for the contract traded.

    The front's bars are those that the strategy received, the last one first as in the engine.
    """

    def __init__(self, inner: Any, front_state: FrontState) -> None:
        self._inner, self._front_state = inner, front_state

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if name in BARS:
            return partial(self._read_bars, BARS[name], attribute)
        if not name.startswith(TRANSLATED_PREFIXES) or not callable(attribute):
            return attribute
        state = self._front_state

        def translated(*args: Any, **kwargs: Any) -> Any:
            args = tuple(state.contract if a == state.id else a for a in args)
            kwargs = {k: state.contract if v == state.id else v for k, v in kwargs.items()}
            return attribute(*args, **kwargs)

        return translated

    def _read_bars(
        self,
        ours: Callable[..., Any],
        theirs: Callable[..., Any],
        bar_type: Any,
        *args: Any,
        **kw: Any,
    ) -> Any:
        if bar_type == self._front_state.label:
            return ours(self._front_state.past, *args, **kw)
        return theirs(bar_type, *args, **kw)
