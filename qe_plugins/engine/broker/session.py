"""A live session while it runs: its node, its components, its supervisors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qe_plugins.engine.accounting.account_equity import BrokerEquity
from qe_plugins.engine.broker.contract_roll import ContractRoll
from qe_plugins.engine.broker.contracts import SECOND
from qe_plugins.engine.broker.node import BrokerNode
from qe_plugins.engine.broker.not_connected import not_connected
from qe_plugins.engine.broker.supervision import Condition, Listeners, Supervisor, notify
from qe_plugins.engine.live.recorded_history import component_name, history_body
from qe_plugins.engine.live.warm_up import WarmUp
from qe_plugins.engine.recording.session_recorder import SessionRecorder
from qe_plugins.errors import RunError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import FactKind
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.broker.preparation import PreparedLive
    from qe_plugins.engine.running.context import RunContext

LOG = logging.getLogger(__name__)
PATIENCE = 20
"""Seconds within which the broker must have reported the account."""


NOTE_EVERY = 30 * SECOND
"""Nanoseconds between two lines about why a session that has begun does not trade yet."""


ACCOUNT_EVERY = 200 * SECOND
"""Nanoseconds after which the account's figures are asked for: IB sends them every 180 s."""

ASK_AGAIN = 30 * SECOND
"""Nanoseconds until they are asked for again."""


UNRESOLVED = "Submission recovery incomplete at shutdown"
"""What Nautilus 2.0.0rc7 raises at the end of a node that has sent an order and knows no more."""


class LiveRecorder(SessionRecorder):
    """A session's recorder that also passes order events on to listeners."""

    listeners: Listeners

    def order_event(self, event: Any) -> None:
        super().order_event(event)
        notify(self.listeners.order_events, event)

    def fill(self, fill: Fill, *, synthetic: bool) -> Fill | None:
        """Record a fill, and have the journal write it at once: it moved money."""
        found = super().fill(fill, synthetic=synthetic)
        if found is not None:
            self.flush()
        return found


class LiveSession:
    """A live session while it runs: what supervisors see and use. For the trading thread only.

    `context` has the cache, the holdings, the gate, the latch and the recorder, `node` Nautilus'
    node, `strategies` the hosted ones. Listeners are called with order events, quotes and bars;
    `conditions` say why no order may add risk yet. `trading_since` is 0 until none does, `again`
    says why the session ended in order to begin again, empty where it did not. `skew` returns how
    many seconds the clock is past the broker's, None where that is not known.
    """

    def __init__(self, live: PreparedLive, recorder: LiveRecorder, latch: HaltLatch) -> None:
        self.live, self.latch, self.recorder = live, latch, recorder
        self.listeners = recorder.listeners = Listeners()
        self.conditions: list[Condition] = []
        self.supervisors: list[Supervisor] = []
        self.warm_up = WarmUp(live.settings.warm_up)
        self.warm_up.on_history = self._record_history
        self.trading_since = self._running_since = self._first_tick = 0
        self._note_due = self._account_due = 0
        self._disposed = False
        self.again = ""
        self.skew: Callable[[], float | None] = lambda: None
        self.on_start: list[Callable[[], object]] = []
        self.on_tick: list[Callable[[int], object]] = []
        self._actor: Any = None
        self._timers = 0
        self._broker = BrokerNode(self)
        self.context: RunContext = self._broker.context
        self.node = self._broker.node
        self.closer, self.order_terms = self._broker.closer, self._broker.order_terms
        self.closer.on_failed = partial(self.halt, source="close")
        self.context.gate.not_ready = self.not_ready
        self._roll = ContractRoll(self, self._broker.no_entry)
        self.listeners.order_events.append(self._roll.on_order_event)
        self.conditions += (self._not_started, self.context.equity.unknown, self.warm_up.refusal)

    @property
    def account(self) -> str:
        """Return the broker's id of the account."""
        return self.live.settings.ib.account

    @property
    def clock(self) -> Any:
        """Return the clock of the session's own actor."""
        return self._actor.clock

    @property
    def actor(self) -> Any:
        """Return the session's own actor, which can subscribe to data."""
        return self._actor

    @property
    def pipeline_clock(self) -> Callable[[], int]:
        """Return the time by the signal pipeline's clock, which exists before the session runs."""
        now: Callable[[], int] = self._broker.assembly.pipeline.clock.timestamp_ns
        return now

    @property
    def strategies(self) -> list[Any]:
        """Return the hosted strategies."""
        return self.context.strategies

    def now(self) -> int:
        """Return the node's time (UTC nanoseconds)."""
        ts: int = self._actor.clock.timestamp_ns()
        return ts

    def not_ready(self) -> str:
        """Return why no order may add risk yet, empty where it may."""
        return next((reason for one in self.conditions if (reason := one())), "")

    def every(self, seconds: float, callback: Callable[[Any], object]) -> None:
        """Call `callback` with the time event every so many seconds, on the trading thread."""
        self._timers += 1
        name, length = f"EVERY-{self._timers}", int(seconds * 1e9)
        self._actor.clock.set_timer_ns(name, length, callback=callback)

    def halt(self, reason: str, source: str) -> None:
        """Set the halt latch: no order adds risk until a person resumes."""
        self.context._halt(reason, source)

    def record(self, kind: FactKind, source: str, body: dict[str, Any]) -> None:
        """Record a numbered fact at this moment."""
        self.recorder.numbered(kind, self.now(), source, None, body)

    def _record_history(self, component: Any, bar_type: Any, bars: Sequence[Any]) -> None:
        """Record the bars that a component was warmed up with: a rerun begins with them."""
        if bars:
            at, source = component.clock.timestamp_ns(), component_name(component)
            self.recorder.numbered(FactKind.WARM_UP, at, source, None, history_body(bar_type, bars))

    def started(self, actor: Any) -> None:
        """Take the session's actor; the supervisors begin at its first tick."""
        self._actor = actor

    def tick(self, ts: int) -> None:
        """Do what is due four times a second."""
        if not self._running_since:
            self._start(ts)
        if not self.trading_since and not self.not_ready():
            self.trading_since = ts
            LOG.info("trading: history is there, account and orders are the broker's")
        self.closer.check()
        self._ask_for_the_account(ts)
        if not self.trading_since and ts >= self._note_due:
            self._note_due = ts + NOTE_EVERY
            LOG.warning("not trading yet: %s", self.not_ready())
        if not self.again and self._running_since and self._roll.is_over(ts):
            self.begin_again("the next contract is current")
        for call in self.on_tick:
            call(ts)

    def _ask_for_the_account(self, ts: int) -> None:
        """Ask for the account's figures where the broker has sent none for longer than it does.

        After a restart of the gateway Nautilus 2.0.0rc7 has them no more, and asks for none.
        """
        equity, strategies = self.context.equity, self.context.strategies
        if not isinstance(equity, BrokerEquity) or not strategies or ts < self._account_due:
            return
        if equity.age is not None and equity.age > ACCOUNT_EVERY:
            self._account_due = ts + ASK_AGAIN
            strategies[0].query_account(equity.account_id)

    def _start(self, ts: int) -> None:
        """Begin, once the account has been reported: what it holds, and what it is worth."""
        if not self._first_tick:
            self._first_tick, self._note_due = ts, ts + NOTE_EVERY
        if unknown := self.context.equity.unknown():
            if ts - self._first_tick > PATIENCE * SECOND:
                raise RunError(
                    f"{unknown} within {PATIENCE} s.",
                    where=f"account {self.account}",
                    hint="Is the gateway logged in to this account?",
                )
            return
        self._running_since = ts
        balance = self.context.balance
        balance.starting += self.context.equity.equity() - balance.equity()
        for call in self.on_start:
            call()
        for supervisor in self.supervisors:
            supervisor.start(self)
        self._roll.begin()

    def _not_started(self) -> str:
        return "" if self._running_since else "the session is starting"

    def run(self) -> None:
        """Run the node until it is stopped. Raises what user code raised."""
        try:
            self.node.run()
        except RuntimeError as error:
            if not (self._running_since and UNRESOLVED in str(error)):
                ib = self.live.settings.ib
                self._dispose_node()
                raise not_connected(ib, in_words(error)) from error
            text = f"the session ends, and an order may be at the broker: {in_words(error)}"
            LOG.error("%s", text)
            body = {"severity": "critical", "kind": "unresolved", "about": "orders", "text": text}
            self.record(FactKind.ALARM, "node", body)
        finally:
            for supervisor in self.supervisors if self._running_since else ():
                supervisor.stop()
        self.context.exception_trap.reraise()

    def stop(self) -> None:
        """Have the node stop. May be called on any thread, and by a signal's handler."""
        self._broker.handle.stop()

    def begin_again(self, why: str) -> None:
        """End the session, in order to begin it again in a new process."""
        self.again = why
        self.stop()

    def dispose(self) -> None:
        """Free the node."""
        self.context.observers.close()
        self._dispose_node()

    def _dispose_node(self) -> None:
        if not self._disposed:
            self._disposed = True
            self.node.dispose()
