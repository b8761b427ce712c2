"""What a session shows while it runs: time, positions, profit and the last decisions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
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

SHOWN_KINDS = frozenset({FactKind.VETO, FactKind.CLOSING, FactKind.ROLL, FactKind.POSTURE})


class SessionEvent(msgspec.Struct, frozen=True):
    """One thing that was decided or happened: a signal, a veto, a fill. `ts` is UTC nanoseconds."""

    ts: int
    kind: str
    text: str


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session at one moment: `ts` is the market's time (UTC nanoseconds).

    `positions` are net contracts by contract; money is in `currency`: `realised` is net of fees,
    `equity` includes what is open, at the last prices. `new` are the decisions since the view
    before, `last` the newest ones.
    """

    ts: int
    positions: dict[str, Decimal]
    realised: Decimal
    equity: Decimal
    starting: Decimal
    currency: str
    working: int
    new: list[SessionEvent] = []
    last: list[SessionEvent] = []


type Show = Callable[[SessionView], None]
"""Shows a view to the user. Called on the trading thread, so it must be quick."""


class Viewer:
    """Passes views of a run to `show`: at every decision, and otherwise a few times a second."""

    def __init__(self, context: RunContext, show: Show) -> None:
        self._context, self._show = context, show
        self._signals = self._facts = self._fills = 0
        self._last: deque[SessionEvent] = deque(maxlen=LAST)
        self._next = 0.0

    def at(self, ts: int, *, now: bool = False) -> None:
        """Show the run at a moment (UTC nanoseconds) if it is time to, or `now`."""
        context = self._context
        context.trade_booker.book_until(ts + 1)
        new = list(self._decided())
        if not (new or now or time.monotonic() >= self._next):
            return
        self._next = time.monotonic() + EVERY
        self._last.extend(new)
        self._show(self._view(ts, new))

    def _view(self, ts: int, new: list[SessionEvent]) -> SessionView:
        balance, cache = self._context.balance, self._context.cache
        positions: dict[str, Decimal] = {}
        for one in cache.positions_open():
            name = str(one.instrument_id)
            signed = one.quantity.as_decimal() * (1 if one.is_long else -1)
            positions[name] = positions.get(name, Decimal(0)) + signed
        return SessionView(
            ts=ts,
            positions=positions,
            realised=balance.total() - balance.starting,
            equity=balance.equity(),
            starting=balance.starting,
            currency=balance.currency.code,
            working=len(cache.orders_open()),
            new=new,
            last=list(self._last),
        )

    def _decided(self) -> Iterator[SessionEvent]:
        """Yield the decisions since the last call, oldest first."""
        recorder = self._context.recorder
        found: list[SessionEvent] = []
        for name in islice(recorder.consolidated, self._signals, None):
            signal = recorder.signals[name]
            what = f"{signal.side} {signal.instrument_id}: {signal.reason}"
            found.append(SessionEvent(signal.ts_event, "signal", what))
        found += [
            SessionEvent(fact.ts_event, str(fact.kind), _words(fact))
            for fact in recorder.facts[self._facts :]
            if fact.kind in SHOWN_KINDS
        ]
        for fill in recorder.fills[self._fills :]:
            what = f"{fill.side} {abs(fill.quantity)} {fill.instrument_id} at {fill.price}"
            found.append(SessionEvent(fill.ts, "fill", f"{what}, fee {fill.commission}"))
        self._signals, self._facts = len(recorder.consolidated), len(recorder.facts)
        self._fills = len(recorder.fills)
        yield from sorted(found, key=lambda one: one.ts)


def _words(fact: Fact) -> str:
    body = fact.body
    if fact.kind is FactKind.VETO:
        what = f"{body['side']} {body['quantity']} {body['instrument_id']}"
        return f"{body['plugin']} refused {what}: {body['reason']}"
    return str(body.get("reason") or fact.id)
