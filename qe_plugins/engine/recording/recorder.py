"""What a run remembers for its journal and its report, buffered until the run is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nautilus_trader.model import Bar, CustomData, OrderFilled

from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.recording.plugin_failures import PluginFailureLog
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import OrderRequest, Proposal, Review, Rolled, Signal, Size, Trade

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill


class Recorder:
    """Facts in the order they happened. Ids are the same in every run of the same tape.

    `sent_on` is the event that a strategy was handling when an order left it, by client order id.
    `label` keeps the ids of what was said after the event apart from those of the run itself.
    """

    follows_orders: ClassVar[bool] = False

    def __init__(self, label: str = "") -> None:
        self._label = label
        self.facts: list[Fact] = []
        self.failures = PluginFailureLog()
        self.fills: list[Fill] = []
        self.trades: list[Trade] = []
        self.closing_fill: dict[str, str] = {}
        self.signals: dict[str, Signal] = {}
        self.votes: list[tuple[Bar, Sequence[Signal]]] = []
        self.consolidated: dict[str, Sequence[Signal]] = {}
        self.sent_on: dict[Any, object] = {}
        self._counts: dict[FactKind, int] = {}
        self._expiries: dict[str, str] = {}

    def order_id(self, order: Any) -> str:
        """Return the client order id of an order or of its event, the same in every run.

        The engine gives the orders by which it settles an expired contract a random id.
        """
        text: str = order.client_order_id.value
        if not text.startswith(SETTLES):
            return text
        settled = f"{SETTLES}{order.instrument_id}-{len(self._expiries) + 1}"
        return self._expiries.setdefault(text, settled)

    def sends(self, order: Any, event: object) -> None:
        """Remember the event that a component was handling when an order left it."""
        self.sent_on[order.client_order_id] = event

    def happened(self, event: Any) -> None:
        """Take an event of an order, where `follows_orders` says that they are wanted."""

    def voted(self, bar: Bar, votes: Sequence[Signal]) -> None:
        """Remember what plugins wished for at a bar."""
        self.votes.append((bar, votes))
        for vote in votes:
            self.signals[vote.id] = vote

    def signal(self, signal: Signal, votes: Sequence[Signal]) -> None:
        """Remember what the arbiter made of the votes."""
        self.signals[signal.id] = signal
        self.consolidated[signal.id] = votes

    def size(self, signal: Signal, size: Size, source: str, ts: int) -> None:
        """Remember how many contracts a signal was worth, and why."""
        body = {"contracts": size.contracts, "reason": size.reason}
        self.numbered(FactKind.SIZE, ts, source, signal.id or None, body)

    def veto(self, order: OrderRequest, plugin: str, reason: str) -> None:
        """Remember one refusal. A refused modification is a veto of the order as it stood."""
        body: dict[str, Any] = {
            "plugin": plugin,
            "reason": reason,
            "client_order_id": order.client_order_id,
            "instrument_id": order.instrument_id,
            "side": order.side,
            "quantity": str(order.quantity),
            "strategy": order.strategy,
        }
        if order.increase_by is not None:
            body["grows"] = str(order.increase_by)
        self.numbered(FactKind.VETO, order.ts, plugin, f"order:{order.client_order_id}", body)

    def failure(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        """Remember that a plugin failed. Raises PluginFailures where that is once too often."""
        self.failures.add(plugin, hook, error, ts)
        self.failures.check()

    def review(self, plugin: str, review: Review, ts: int) -> None:
        """Remember what an analyst said of a trade."""
        body = {"summary": review.summary, "facts": review.facts}
        fact_id = f"review:{plugin}:{review.trade_id}"
        self._add(fact_id, FactKind.REVIEW, ts, plugin, f"trade:{review.trade_id}", body)

    def proposal(self, plugin: str, proposal: Proposal, ts: int) -> None:
        """Remember what somebody proposed."""
        body = {"title": proposal.title, "reason": proposal.reason, "change": proposal.change}
        self.numbered(FactKind.PROPOSAL, ts, plugin, None, body)

    def trade(self, trade: Trade, last: Fill) -> None:
        """Remember a closed trade and the fill that closed it."""
        self.trades.append(trade)
        self.closing_fill[trade.id] = last.trade_id

    def tagged(self, order: Any) -> str | None:
        """Return the id of the signal that an order is tagged with, None where it has none.

        So an entry that turns a position keeps its signal: it is sent when the old position has
        closed, which is later than the signal.
        """
        if order is None or not self.signals:
            return None
        return next((tag for tag in order.tags or () if tag in self.signals), None)

    def votes_behind(self, signal_id: str | None) -> tuple[Signal, ...]:
        """Return a signal and, before it, the votes that led to it, oldest first."""
        signal = self.signals.get(signal_id) if signal_id else None
        return () if signal is None else (*self.consolidated.get(signal.id, ()), signal)

    def numbered(
        self, kind: FactKind, ts: int, source: str, cause: str | None, body: dict[str, Any]
    ) -> str:
        """Append a fact whose id is its kind and a running number; return the id."""
        return self._add(self.new_id(kind), kind, ts, source, cause, body)

    def new_id(self, kind: FactKind) -> str:
        """Return the id of one more fact of this kind."""
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}:{self._label}{number}"

    def next_id(self, kind: FactKind) -> str:
        """Return the id that the next `numbered` fact of this kind will have."""
        return f"{kind}:{self._label}{self._counts.get(kind, 0) + 1}"

    def _add(
        self,
        name: str,
        kind: FactKind,
        ts: int,
        source: str,
        cause: str | None,
        body: dict[str, Any],
    ) -> str:
        fact = Fact(id=name, kind=kind, ts_event=ts, source=source, cause=cause, body=body)
        self.facts.append(fact)
        return name


class IdTexts(dict[Any, str]):
    """Ids of the engine as text, made once each."""

    def __missing__(self, key: Any) -> str:
        text = self[key] = str(key)
        return text


def snapshot_id(bar: Bar) -> str:
    """Return the id of the fact that a bar closed."""
    return f"snapshot:{bar.bar_type}@{bar.ts_event}"


def snapshot(bar: Bar) -> Fact:
    """Return the fact that a bar closed, as the plugins saw it."""
    body = {n: str(getattr(bar, n)) for n in ("open", "high", "low", "close", "volume")}
    return Fact(
        id=snapshot_id(bar),
        kind=FactKind.SNAPSHOT,
        ts_event=bar.ts_event,
        source=str(bar.bar_type.instrument_id),
        body=body,
    )


def signal_in(event: object) -> Signal | None:
    """Return the signal that an event brings to a strategy, or None."""
    brought = event.data if isinstance(event, CustomData) else None
    return brought if isinstance(brought, Signal) else None


def signal_id_of(event: object) -> str | None:
    """Return the id of the signal that an event brings to a strategy, None where it has none."""
    if isinstance(event, Bar) or (signal := signal_in(event)) is None:
        return None
    return signal.id or None


def cause_of(handling: object) -> str | None:
    """Return the id of the fact that stands for the event a strategy was handling.

    An event of an order, or of the position that an order closed, stands for that order.
    """
    if isinstance(handling, Bar):
        return snapshot_id(handling)
    if (signal_id := signal_id_of(handling)) is not None:
        return signal_id
    if isinstance(handling, Rolled):
        return handling.fact
    if isinstance(handling, OrderFilled):
        return f"fill:{handling.trade_id}"
    for name in ("closing_order_id", "client_order_id"):
        if (order := getattr(handling, name, None)) is not None:
            return f"order:{order}"
    return None


def in_causal_order(facts: Iterable[Fact]) -> list[Fact]:
    """Return facts by time, each after what caused it; of one id the first counts."""
    by_time = sorted(facts, key=lambda fact: fact.ts_event)
    known = {fact.id: fact for fact in by_time}
    placed: dict[str, Fact] = {}
    for fact in by_time:
        line = [fact]
        while (cause := known.get(line[-1].cause or "")) and cause.id not in placed:
            line.append(cause)
        for each in reversed(line):
            placed.setdefault(each.id, each)
    return list(placed.values())
