"""Commit what happens in a session to the journal as it happens, and keep nothing that it has.

The intent of an order is on disk before the order leaves; what was decided before it is in the same
transaction. Fills, trades and outcomes follow at once or within a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from nautilus_trader.model import Bar, OrderFilled

from qe_plugins.engine.recording.fact_forms import (
    fill_fact,
    order_fact,
    signal_fact,
    snapshot,
    snapshot_id,
    trade_fact,
)
from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.engine.recording.reached import ReachedRun, RecentIds
from qe_plugins.engine.recording.recorder import Recorder, cause_of
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.deadline import HookTimeoutError
from qe_plugins.plugins.types import Posture, Proposal, Review, Signal, Trade

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.recording.observers import ObserverAnswer

FINAL = frozenset({"OrderDenied", "OrderRejected", "OrderCanceled", "OrderExpired"})
"""Events that end an order whatever was filled of it."""

KEPT = 5_000
"""How many signals and orders are remembered beyond those that are still in use."""

TRADES = 1_000
"""How many closed trades of a session are kept for `session_closed`."""


class SessionRecorder(Recorder):
    """A recorder whose facts go to the journal of an open run.

    `reached` is what a continued run had reached. `on_failure` is called with the reason, on the
    trading thread, when the journal cannot be written. `in_use` returns the ids of the signals
    behind open trades; `order_of` returns an order by its client order id. `on_fact` is called with
    every fact, on the trading thread.
    """

    follows_orders: ClassVar[bool] = True
    commits: ClassVar[bool] = True

    def __init__(
        self,
        writer: FactWriter,
        reached: ReachedRun | None = None,
        *,
        on_failure: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__()
        reached = reached or ReachedRun()
        self.reached, self.on_failure = reached, on_failure
        self.order_of: Callable[[Any], Any] = lambda _: None
        self.in_use: Callable[[], set[str]] = set
        self.on_fact: Callable[[Fact], None] = lambda _: None
        self._writer, self._known = writer, reached.known
        self._counts = dict(reached.counts)
        self._outcomes = Counter(reached.outcomes)
        self._changes: Counter[str] = Counter()
        self._pending: list[Fact] = []
        self._tags: dict[Any, str] = {}
        self._fill_names = RecentIds()
        self._failures_told: set[tuple[str, str, str, str]] = set()
        self._reported = ""

    @property
    def waiting(self) -> int:
        """Return the number of facts that the journal does not have yet."""
        return len(self._pending) + self._writer.waiting

    def take_failure(self) -> str | None:
        """Return why an append since the last call failed, None where none did.

        One that failed and then succeeded is returned, too: whatever the reason was, it may return.
        """
        return self._writer.take_failure() or None

    def bar(self, bar: Bar) -> None:
        """Record a closed bar. A second bar of the same type and close is not recorded."""
        if snapshot_id(bar) not in self._known:
            self._keep(snapshot(bar))

    def voted(self, bar: Bar, votes: Sequence[Signal]) -> None:
        self.bar(bar)
        for vote, fact in zip(votes, self.vote_facts(bar, votes), strict=True):
            self.signals[vote.id] = vote
            self._keep(fact)
        self.features.clear()

    def signal(self, signal: Signal, votes: Sequence[Signal]) -> None:
        super().signal(signal, votes)
        cause = votes[0].id if votes else None
        more = {"votes": [vote.id for vote in votes]}
        self._keep(signal_fact(signal, FactKind.SIGNAL, cause, more))

    def posture(self, posture: Posture | None, ts: int) -> None:
        """Record a change of the posture in force; None means that there is none."""
        body: dict[str, Any] = {"reason": "no posture"}
        if posture is not None:
            body = {
                "reason": posture.reason,
                "halt": posture.halt,
                "max_contracts": posture.max_contracts,
                "valid_until": posture.valid_until,
                **({} if posture.sides is None else {"sides": list(map(str, posture.sides))}),
                **({} if posture.max_loss is None else {"max_loss": str(posture.max_loss)}),
            }
        self.numbered(FactKind.POSTURE, ts, (posture and posture.source) or "session", None, body)

    def order_sent(self, order: Any, event: object) -> None:
        """Record the intent of an order, and as its cause what its strategy was handling."""
        super().order_sent(order, event)
        name = self.order_id(order)
        if f"order:{name}" in self._known:
            return
        if isinstance(event, Bar):
            self.bar(event)
        if signal := self.tagged(order) or self._tags.get(order.parent_order_id):
            self._tags[order.client_order_id] = signal
        self._keep(order_fact(order, name, signal or self._cause(event), _intent(order)))

    def order_changed(self, order: Any, ts: int, **changes: Any) -> None:
        """Record the intent to modify an order: its new `quantity`, `price` or `trigger`."""
        name = self.order_id(order)
        body = {
            "instrument_id": str(order.instrument_id),
            "side": order.side.name,
            "type": order.order_type.name,
            "quantity": str(order.quantity),
            **{key: str(value) for key, value in changes.items() if value is not None},
        }
        intent, fact = f"order:{name}", ""
        while not fact or fact in self._known:
            self._changes[name] += 1
            fact = f"{intent}#{self._changes[name] + 1}"
        self._add(fact, FactKind.ORDER, ts, order.strategy_id.value, intent, body)

    def commit(self, *, reduces: bool) -> str:
        """Have everything recorded so far on disk; return why an order may not leave.

        The answer is empty where it may. An order that only reduces a position always leaves: where
        the journal is known to fail it does not even wait, and its facts are kept.
        """
        facts, self._pending = self._pending, []
        if reduces and self._writer.error:
            self._writer.write(facts)
            return ""
        if error := self._writer.commit(facts):
            self._report(error)
            return "" if reduces else f"its intent could not be recorded: {error}"
        self._reported = ""
        return ""

    def order_event(self, event: Any) -> None:
        """Record the outcome of an order at the event that ends it."""
        ended = type(event).__name__ in FINAL
        order = self.order_of(event.client_order_id)
        if not ended and not (
            isinstance(event, OrderFilled) and order is not None and order.is_closed
        ):
            return
        name = self.order_id(event)
        body = {"status": order.status.name if order is not None else type(event).__name__}
        if order is not None:
            body["filled"] = str(order.filled_qty)
        if reason := getattr(event, "reason", None):
            body["reason"] = str(reason)
        self._outcomes[name] += 1
        number = self._outcomes[name]
        fact = f"outcome:{name}" if number == 1 else f"outcome:{name}#{number}"
        source = event.strategy_id.value
        self._add(fact, FactKind.OUTCOME, event.ts_event, source, f"order:{name}", body)

    def fill(self, fill: Fill, *, synthetic: bool) -> Fill | None:
        """Record a fill; return it under the id that it has in this run.

        None means that the run has it already. `synthetic` marks a fill that the engine made up
        when it compared its books with the venue's.
        """
        name, number = fill.trade_id, 1
        while (owner := self._known.get(f"fill:{name}")) is not None:
            if owner == fill.client_order_id:
                return None
            number += 1  # a venue that begins its numbers again, as the sandbox does
            name = f"{fill.trade_id}#{number}"
        if number > 1:
            self._fill_names.note(f"{fill.trade_id} {fill.client_order_id}", name)
        fill = msgspec.structs.replace(fill, trade_id=name)
        fact = fill_fact(fill)
        body = fact.body | {"position_id": fill.position_id, "liquidity": fill.liquidity}
        if fill.reference is not None:
            body["reference"] = str(fill.reference)
        if fill.signal is not None:
            body["signal"] = fill.signal
        if synthetic:
            body["synthetic"] = True
        self._keep(msgspec.structs.replace(fact, body=body))
        return fill

    def trade(self, trade: Trade, last: Fill) -> None:
        self.trades.append(trade)
        del self.trades[:-TRADES]
        self._keep(trade_fact(trade, last.trade_id))

    def failure(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        """Record that a plugin failed; one that is suspended has failed before."""
        if not (isinstance(error, HookTimeoutError) and error.again):
            super().failure(plugin, hook, error, ts)

    def session_trades(self) -> list[Trade]:
        """Return the trades closed since the last call, at most TRADES."""
        found, self.trades = self.trades, []
        return found

    def observed(self, answers: Sequence[ObserverAnswer]) -> None:
        """Record the reviews and proposals of observers."""
        for _, ts, answer in answers:
            if isinstance(answer.value, Review):
                name = f"review:{answer.plugin}:{answer.value.trade_id}"
                if name not in self._known:
                    self.review(answer.plugin, answer.value, ts)
            elif isinstance(answer.value, Proposal):
                self.proposal(answer.plugin, answer.value, ts)

    def flush(self) -> None:
        """Have everything recorded so far appended soon, without waiting; forget what is not used.

        Call about once a second.
        """
        self._note_failures()
        facts, self._pending = self._pending, []
        self._writer.write(facts)
        if error := self._writer.error:
            self._report(error)
        else:
            self._reported = ""
        self._forget()

    def close(self) -> str:
        """Append what is left; return why that failed, empty if it did not."""
        self._note_failures()
        facts, self._pending = self._pending, []
        self._writer.write(facts)
        return self._writer.close()

    def _report(self, error: str) -> None:
        """Report a failure of the journal, once for as long as it lasts."""
        if self._reported != error:
            self._reported = error
            self.on_failure(error)

    def _note_failures(self) -> None:
        """Record the failures of plugins that are not recorded yet, each once."""
        for one in self.failures.listed():
            key = (one.plugin, one.hook, one.error, one.where)
            if key not in self._failures_told:
                self._failures_told.add(key)
                body = {"hook": one.hook, "error": one.error, "where": one.where}
                self.numbered(FactKind.FAILURE, one.first, one.plugin, None, body)

    def _forget(self) -> None:
        """Drop the oldest signals and orders that nothing needs any more."""
        if len(self.signals) > 2 * KEPT:
            kept = {*self.in_use(), *self._tags.values(), *list(self.signals)[-KEPT:]}
            kept |= {v.id for name in kept for v in self.consolidated.get(name, ())}
            self.signals = {n: signal for n, signal in self.signals.items() if n in kept}
            self.consolidated = {n: v for n, v in self.consolidated.items() if n in kept}
        if len(self.sent_on) > 2 * KEPT:
            newest = set(list(self.sent_on)[-KEPT:])
            for name in [name for name in self.sent_on if name not in newest]:
                order = self.order_of(name)
                if order is None or order.is_closed:
                    del self.sent_on[name]
                    self._tags.pop(name, None)
                    self._changes.pop(name.value, None)
                    self._outcomes.pop(name.value, None)

    def _cause(self, handling: object) -> str | None:
        if isinstance(handling, OrderFilled):
            name = handling.trade_id.value
            return f"fill:{self._fill_names.get(f'{name} {handling.client_order_id.value}', name)}"
        return cause_of(handling)

    def _keep(self, fact: Fact) -> None:
        """Keep a fact for the journal, without a cause that the journal does not have before it."""
        if fact.cause is not None and fact.cause not in self._known:
            fact = msgspec.structs.replace(fact, cause=None)
        self._known.note(fact.id, str(fact.body.get("client_order_id", "")))
        self._pending.append(fact)
        self.on_fact(fact)


def _intent(order: Any) -> dict[str, Any]:
    """Return what the fact of an intent has besides side, type, quantity and prices."""
    found: dict[str, Any] = {"time_in_force": order.time_in_force.name}
    if order.parent_order_id is not None:
        found["parent"] = order.parent_order_id.value
    if order.tags:
        found["tags"] = list(order.tags)
    if order.is_reduce_only:
        found["reduce_only"] = True
    return found
