"""What a session shows while it runs: time, positions, profit and the last decisions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.journal.facts import Fact

LAST = 8
"""Number of decisions that a view has."""

EVERY = 0.25
"""Seconds between two views, unless something was decided."""

SHOWN_KINDS = frozenset(
    {
        FactKind.SIGNAL,
        FactKind.VETO,
        FactKind.FILL,
        FactKind.CLOSING,
        FactKind.ROLL,
        FactKind.POSTURE,
        FactKind.HALT,
        FactKind.RESUME,
        FactKind.RUNG,
    }
)


class SessionEvent(msgspec.Struct, frozen=True):
    """One thing that was decided or happened: a signal, a veto, a fill. `ts` is UTC nanoseconds."""

    ts: int
    kind: str
    text: str


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session at one moment: `ts` is the market's time (UTC nanoseconds).

    `positions` are net contracts by contract; money is in `currency`: `realised` is net of fees,
    `equity` includes what is open, at the last prices. `new` are the decisions since the view
    before, `last` the newest ones. `catching_up` says that a session that is continued has not
    reached the moment at which it died.
    """

    ts: int
    positions: dict[str, Decimal]
    realised: Decimal
    equity: Decimal
    starting: Decimal
    currency: str
    working: int
    catching_up: bool = False
    new: list[SessionEvent] = []
    last: list[SessionEvent] = []


type Show = Callable[[SessionView], None]
"""Shows a view to the user. Called on the trading thread, so it must be quick."""


class Viewer:
    """Passes views of a run to `show`: at every decision, and otherwise a few times a second.

    `on_fact` is the recorder's; `beat` is called with every view, and whether it is the last.
    """

    def __init__(
        self, context: RunContext, show: Show, beat: Callable[[SessionView, bool], None]
    ) -> None:
        self._context, self._show, self._beat = context, show, beat
        self._new: list[SessionEvent] = []
        self._last: deque[SessionEvent] = deque(maxlen=LAST)
        self._next = 0.0
        self._ts = 0
        self.catching_up: Callable[[], bool] = lambda: False
        self.passed: Callable[[int], None] = lambda _: None

    def on_fact(self, fact: Fact) -> None:
        """Note a fact that a view shows."""
        if fact.kind in SHOWN_KINDS:
            self._new.append(SessionEvent(fact.ts_event, str(fact.kind), _words(fact)))

    def at(self, ts: int, *, now: bool = False) -> None:
        """Show the run at a moment (UTC nanoseconds) if it is time to, or `now`."""
        self._ts = ts
        self.passed(ts)
        if self._new or now or time.monotonic() >= self._next:
            self._show_now(last=now)

    def idle(self) -> None:
        """Show the run again while it waits, if it is time to."""
        if self._ts and time.monotonic() >= self._next:
            self._show_now()

    def _show_now(self, *, last: bool = False) -> None:
        self._next = time.monotonic() + EVERY
        new, self._new = self._new, []
        self._last.extend(new)
        view = self._view(new)
        self._show(view)
        self._beat(view, last)

    def _view(self, new: list[SessionEvent]) -> SessionView:
        balance, cache = self._context.balance, self._context.cache
        net = self._context.holdings.by_contract()
        return SessionView(
            ts=self._ts,
            positions={str(contract): count for contract, count in net.items()},
            realised=balance.total() - balance.starting,
            equity=balance.equity(),
            starting=balance.starting,
            currency=balance.currency.code,
            working=len(cache.orders_open()),
            catching_up=self.catching_up(),
            new=new,
            last=list(self._last),
        )


def _words(fact: Fact) -> str:
    body = fact.body
    match fact.kind:
        case FactKind.SIGNAL:
            return f"{body['side']} {body['instrument_id']}: {body['reason']}"
        case FactKind.VETO:
            what = f"{body['side']} {body['quantity']} {body['instrument_id']}"
            return f"{body['plugin']} vetoed {what}: {body['reason']}"
        case FactKind.FILL:
            what = f"{body['side']} {body['quantity']} {body['instrument_id']} at {body['price']}"
            return f"{what}, fee {body['commission']}"
    return str(body.get("reason") or fact.id)
