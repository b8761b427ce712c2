"""Buffer what happens in a run, for its journal and its report, until the run is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nautilus_trader.model import Bar, CustomData, OrderFilled

from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.recording.fact_forms import signal_fact, snapshot_id
from qe_plugins.engine.recording.plugin_failures import PluginFailureLog
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import OrderRequest, Proposal, Review, Rolled, Signal, Size, Trade

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill


class Recorder:
    """Facts in the order they happened. Ids are the same in every run of the same data.

    `votes` are the proposals at each bar, `consolidated` the votes behind each signal by its id,
    `signals` votes and signals by id, `features` those that the plugin of a vote declares, by the
    vote's id. `sent_on` is the event that a strategy was handling when it
    sent an order, by client order id; `closing_fill` the id of the fill that closed each trade.
    `label` tells ids of facts that are recorded after the run from those of the run itself.
    """

    follows_orders: ClassVar[bool] = False
    commits: ClassVar[bool] = False
    """Whether `commit` must be called before an order leaves, as in a session."""

    def __init__(self, label: str = "") -> None:
        self._label = label
        self.facts: list[Fact] = []
        self.failures = PluginFailureLog()
        self.fills: list[Fill] = []
        self.trades: list[Trade] = []
        self.closing_fill: dict[str, str] = {}
        self.signals: dict[str, Signal] = {}
        self.votes: list[tuple[Bar, Sequence[Signal]]] = []
        self.features: dict[str, dict[str, float | None]] = {}
        self.consolidated: dict[str, Sequence[Signal]] = {}
        self.sent_on: dict[Any, object] = {}
        self._counts: dict[FactKind, int] = {}
        self._reviewed = 0
        self._expiries: dict[str, str] = {}

    def order_id(self, order: Any) -> str:
        """Return the client order id of an order or of its event, the same in every run.

        The engine's orders that settle an expired contract have random ids; they are numbered.
        """
        text: str = order.client_order_id.value
        if not text.startswith(SETTLES):
            return text
        settled = f"{SETTLES}{order.instrument_id}-{len(self._expiries) + 1}"
        return self._expiries.setdefault(text, settled)

    def order_sent(self, order: Any, event: object) -> None:
        """Record the event that a component was handling when it sent an order."""
        self.sent_on[order.client_order_id] = event

    def order_changed(self, order: Any, ts: int, **changes: Any) -> None:
        """Do nothing with a modification: the order has its new terms at the end of the run."""

    def commit(self, *, reduces: bool) -> str:
        """Return why an order may not leave yet: never, where `commits` is false."""
        return ""

    def session_trades(self) -> list[Trade]:
        """Return the trades closed since the last call."""
        found, self._reviewed = self.trades[self._reviewed :], len(self.trades)
        return found

    def order_event(self, event: Any) -> None:
        """Do nothing with an order event; a subclass whose `follows_orders` is true may."""

    def voted(self, bar: Bar, votes: Sequence[Signal]) -> None:
        """Record the votes of the plugins at a bar."""
        self.votes.append((bar, votes))
        for vote in votes:
            self.signals[vote.id] = vote

    def vote_facts(self, bar: Bar, votes: Iterable[Signal]) -> Iterator[Fact]:
        """Yield the facts of votes at a bar, each with the features that its plugin declares."""
        for vote in votes:
            read = self.features.get(vote.id)
            more = {"features": read} if read else {}
            yield signal_fact(vote, FactKind.VOTE, snapshot_id(bar), more)

    def signal(self, signal: Signal, votes: Sequence[Signal]) -> None:
        """Record the signal that the arbiter returned for some votes."""
        self.signals[signal.id] = signal
        self.consolidated[signal.id] = votes

    def size(self, signal: Signal, size: Size, source: str, ts: int) -> None:
        """Record the number of contracts for a signal, and the reason."""
        body = {"contracts": size.contracts, "reason": size.reason}
        self.numbered(FactKind.SIZE, ts, source, signal.id or None, body)

    def veto(self, order: OrderRequest, plugin: str, reason: str) -> None:
        """Record a veto. One of a modification is a veto of the order before the modification."""
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
        """Record that a plugin failed. Raises PluginFailures after too many failures."""
        self.failures.add(plugin, hook, error, ts)
        self.failures.check()

    def review(self, plugin: str, review: Review, ts: int) -> None:
        """Record an analyst's review of a trade."""
        body = {"summary": review.summary, "facts": review.facts}
        fact_id = f"review:{plugin}:{review.trade_id}"
        self._add(fact_id, FactKind.REVIEW, ts, plugin, f"trade:{review.trade_id}", body)

    def proposal(self, plugin: str, proposal: Proposal, ts: int) -> None:
        """Record a plugin's proposal."""
        body = {"title": proposal.title, "reason": proposal.reason, "change": proposal.change}
        self.numbered(FactKind.PROPOSAL, ts, plugin, None, body)

    def trade(self, trade: Trade, last: Fill) -> None:
        """Record a closed trade and the fill that closed it."""
        self.trades.append(trade)
        self.closing_fill[trade.id] = last.trade_id

    def tagged(self, order: Any) -> str | None:
        """Return the id of the signal that an order is tagged with, None without one.

        An entry that reverses a position is sent when the old position has closed, later than its
        signal: the tag keeps the signal.
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
        """Append a fact whose id is its kind and the next number; return the id."""
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
        self._keep(fact)
        return name

    def _keep(self, fact: Fact) -> None:
        self.facts.append(fact)


class IdTexts(dict[Any, str]):
    """Ids of the engine as text, each converted once."""

    def __missing__(self, key: Any) -> str:
        text = self[key] = str(key)
        return text


def signal_in(event: object) -> Signal | None:
    """Return the signal that an event carries, or None."""
    data = event.data if isinstance(event, CustomData) else None
    return data if isinstance(data, Signal) else None


def signal_id_of(event: object) -> str | None:
    """Return the id of the signal that an event carries, or None."""
    if isinstance(event, Bar) or (signal := signal_in(event)) is None:
        return None
    return signal.id or None


def cause_of(handling: object) -> str | None:
    """Return the id of the fact of the event that a strategy was handling, None without one.

    For an event of an order, or of a position that an order closed, that is the order's fact.
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
    """Return facts by time, each after its cause; of facts with one id only the first."""
    by_time = sorted(facts, key=lambda fact: fact.ts_event)
    known = {fact.id: fact for fact in by_time}
    placed: dict[str, Fact] = {}
    for fact in by_time:
        chain = [fact]
        while (cause := known.get(chain[-1].cause or "")) and cause.id not in placed:
            chain.append(cause)
        for each in reversed(chain):
            placed.setdefault(each.id, each)
    return list(placed.values())
