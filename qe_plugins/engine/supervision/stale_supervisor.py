"""Stale quotes and bars in a live session: asked for again once, then a halt."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from nautilus_trader.common import DataActor
from nautilus_trader.model import BarType, InstrumentId
from nautilus_trader.trading import Strategy

from qe_plugins.engine.reconciliation.actions import (
    Action,
    HaltTrading,
    RaiseAlarm,
    Resubscribe,
)
from qe_plugins.engine.reconciliation.staleness import StaleSettings, StaleWatch
from qe_plugins.journal.facts import FactKind
from qe_plugins.market.sessions import is_open

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession
    from qe_plugins.engine.supervision.truth_supervisor import TruthSupervisor

LOG = logging.getLogger(__name__)
SECOND = 1_000_000_000


class StaleSupervisor:
    """Watches the age of quotes and of bars.

    `truth` receives a 1101 on its own connection, and notices that a person ended a halt.
    """

    def __init__(self, truth: TruthSupervisor, settings: StaleSettings | None = None) -> None:
        self._truth, self._settings = truth, settings

    def start(self, session: LiveSession) -> None:
        """Begin once the session has subscribed to its quotes."""
        self._session = session
        self._ids = {
            one.broker_name: InstrumentId.from_str(one.id) for one in session.live.contracts
        }
        self._names = {contract: name for name, contract in self._ids.items()}
        roots = {one.broker_name: one.root for one in session.live.contracts}
        self._watch = StaleWatch(lambda name, at: is_open(roots[name], at), self._settings)
        self._bars = [BarType.from_str(one) for one in session.live.prepared.tape.bar_types]
        now = session.now()
        for name, contract in self._ids.items():
            bars = {
                str(one): one.spec.timedelta.total_seconds()
                for one in self._bars
                if one.instrument_id == contract
            }
            self._watch.expect(name, now, bars)
        session.listeners.quotes.append(self._on_quote)
        session.listeners.bars.append(self._on_bar)
        session.conditions.append(self._refusal)
        self._truth.on_data_lost = self._on_data_lost
        self._truth.on_resumed = self._watch.resumed
        session.every(1.0, self._on_second)

    def stop(self) -> None:
        """Do nothing: the node ends the streams."""

    def _on_quote(self, quote: Any) -> None:
        if (name := self._names.get(quote.instrument_id)) is not None:
            self._watch.quote(name, self._session.now())

    def _on_bar(self, bar: Any) -> None:
        if (name := self._names.get(bar.bar_type.instrument_id)) is not None:
            self._watch.bar(name, str(bar.bar_type), bar.ts_event)

    def _on_second(self, event: Any) -> None:
        now = self._session.now()
        for bar_type in map(BarType.from_str, self._session.warm_up.pending):
            name = self._names.get(bar_type.instrument_id, "")
            self._watch.not_asked_for(name, str(bar_type), now)
        self._carry_out(self._watch.check(now))

    def _on_data_lost(self) -> None:
        self._carry_out(self._watch.data_lost(self._session.now()))

    def _refusal(self) -> str:
        now = self._session.now()
        stale = [one for one in self._watch.contracts if self._watch.is_stale(one, now)]
        return f"market data of {', '.join(stale)} are stale" if stale else ""

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Resubscribe(contract, _):
                    self._subscribe_again(contract)
                case HaltTrading(_, reason):
                    self._session.halt(reason, "stale_data")
                    self._alarm("stale_data", f"HALTED: {reason}")
                case RaiseAlarm(_, text):
                    self._alarm("stale_data", text)

    def _subscribe_again(self, name: str) -> None:
        """Unsubscribe every component from a contract's quotes and bars, then subscribe them again.

        The engine asks the broker only for the first subscriber, and ends a stream only with the
        last one.
        """
        contract, dispatcher = self._ids[name], self._session.context.dispatcher
        quoted = [*dispatcher.components("on_quote", contract), self._session.actor]
        for component in quoted:
            native(component).unsubscribe_quotes(component, contract)
        for component in quoted:
            native(component).subscribe_quotes(component, contract)
        for bar_type in self._bars:
            if bar_type.instrument_id != contract:
                continue
            components = dispatcher.components("on_bar", bar_type)
            for component in components:
                native(component).unsubscribe_bars(component, bar_type)
            for component in components:
                native(component).subscribe_bars(component, bar_type)

    def _alarm(self, kind: str, text: str) -> None:
        LOG.error("%s", text)
        body = {"severity": "critical", "kind": kind, "about": "market data", "text": text}
        self._session.record(FactKind.ALARM, "stale_data", body)


def native(component: Any) -> Any:
    """Return the engine's own class of a component, past the order of its subscribers."""
    return Strategy if isinstance(component, Strategy) else DataActor
