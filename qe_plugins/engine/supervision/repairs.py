"""Carry out what a comparison with the broker causes: alarms, halts, stops, cancellations, closes.

Each is sent once: what it did is for the next looks to see.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    ClientOrderId,
    InstrumentId,
    OrderSide,
    Price,
    Quantity,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.trading import Strategy

from qe_plugins.engine.broker.order_terms import order_tag, working_exits
from qe_plugins.engine.reconciliation.actions import (
    Action,
    AdoptOrder,
    BeginAgain,
    CancelOrder,
    ClosePosition,
    HaltTrading,
    PlaceStop,
    RaiseAlarm,
)
from qe_plugins.engine.supervision.book_reader import REPAIR
from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qe_plugins.engine.broker.session import LiveSession
    from qe_plugins.engine.supervision.broker_look import BrokerLook
    from qe_plugins.ib_client import BrokerSnapshot

LOG = logging.getLogger(__name__)
SOURCE = "truth"
SOURCES = {"blind": "broker_silent", "protection": "protection", "closing": "protection"}
"""The source of a halt by the kind of its key; otherwise our book is not the broker's."""


class Repairs:
    """Carries actions out on the trading thread. `contracts` are ids in the engine by local symbol.

    `snapshot` is the broker's last complete answer: by it a position is closed that our book does
    not have, past the node.
    """

    def __init__(
        self, session: LiveSession, look: BrokerLook, contracts: Mapping[str, InstrumentId]
    ) -> None:
        self._session, self._look, self._contracts = session, look, contracts
        self.snapshot: BrokerSnapshot | None = None
        self._closes = 0

    def carry_out(self, actions: list[Action]) -> None:
        """Carry out each action. Raises what one raises, which ends the session."""
        for action in actions:
            match action:
                case RaiseAlarm(key, text, is_urgent):
                    self.alarm(key, text, "critical" if is_urgent else "warning")
                case HaltTrading(key, reason):
                    self._session.halt(reason, SOURCES.get(key.partition(":")[0], "book"))
                    self.alarm(key, f"HALTED: {reason}")
                case PlaceStop():
                    self._place_stop(action)
                case ClosePosition():
                    self._close(action)
                case CancelOrder():
                    self._cancel(action)
                case AdoptOrder(_, ref, contract, why):
                    self.alarm(
                        f"adopted:{ref}",
                        f"order {ref} of {contract} is kept at the broker, though {why}: a restart "
                        f"of the session takes it into the book",
                    )

                case BeginAgain(key, why):
                    self.alarm(key, f"the session begins again, with the broker's book: {why}")
                    self._session.begin_again("its book could not be made the broker's")

    def alarm(self, key: str, text: str, severity: str = "critical") -> None:
        """Record an alarm, and log it."""
        LOG.log(logging.ERROR if severity == "critical" else logging.WARNING, "%s", text)
        body = {"severity": severity, "kind": key.partition(":")[0], "about": key, "text": text}
        self._session.record(FactKind.ALARM, SOURCE, body)

    def _place_stop(self, action: PlaceStop) -> None:
        """Send a stop past rules and gate: our book may not have the position yet."""
        contract = self._contracts[action.contract]
        trader = self._trader(contract)
        context = self._session.context
        instrument = context.cache.instrument(contract)
        net = action.quantity if action.side == "SELL" else -action.quantity
        exits = working_exits(context, (trader.strategy_id, contract), net)
        group = self._session.order_terms.group_among(exits)
        order = trader.order_factory.stop_market(
            contract,
            OrderSide.from_str(action.side),
            Quantity.from_int(int(action.quantity)),
            Price.from_decimal_dp(action.trigger, instrument.price_precision),
            TriggerType.DEFAULT,
            TimeInForce.GTC,
            tags=[REPAIR, order_tag(group)],
        )
        self._send(trader, order, f"placed its stop at {action.trigger}")

    def _close(self, action: ClosePosition) -> None:
        contract = self._contracts[action.contract]
        trader = self._trader(contract)
        net = self._session.context.holdings.net(trader.strategy_id, contract)
        what = f"closing {action.net:+f} {action.contract}: {action.why}"
        self.alarm(f"closing:{action.contract}", what)
        if net == action.net:
            trader.close_under_stop(contract, ["PROTECTION"])
            return
        held = self._held(action.contract)
        if held is None or held.quantity != action.net:
            self.alarm(f"closing:{action.contract}", f"{action.contract} is no longer held so")
            return
        self._closes += 1
        ref = f"QE-CLOSE-{self._session.now()}-{self._closes}"
        self._look.close_position(held, ref, self._failed(f"the close of {action.contract}"))

    def _cancel(self, action: CancelOrder) -> None:
        """Cancel an order of our book by its strategy; else all orders, where nothing is held.

        IB lets only the client that placed an order cancel it, and our book has this one as ended.
        """
        cache = self._session.context.cache
        order = cache.order(ClientOrderId(action.ref)) if action.ref else None
        name = action.ref or str(action.perm_id)
        if order is not None and not order.is_closed:
            trader = self._trader(order.instrument_id, order.strategy_id)
            trader.cancel_order(order.client_order_id)
            self.alarm(f"cancelled:{name}", f"order {name} is cancelled: {action.why}")
        elif self._only_ours_while_flat():
            self._look.cancel_all(self._failed("the cancellation of all orders"))
            self.alarm(f"cancelled:{name}", f"all orders are cancelled for {name}: {action.why}")
        else:
            text = f"order {name} cannot be cancelled from here: {action.why}. Cancel it in TWS."
            self.alarm(f"cancel:{name}", text)
            self._session.halt(text, "cancel")

    def _only_ours_while_flat(self) -> bool:
        """Return whether the account holds nothing and has no order of another contract."""
        found = self.snapshot
        if found is None or found.positions:
            return False
        return all(
            one.local_symbol in self._contracts and one.ref and one.client_id == self._client_id
            for one in found.open_orders
        )

    @property
    def _client_id(self) -> int:
        return self._session.live.settings.ib.client_ids.exec

    def _held(self, contract: str) -> Any:
        positions = self.snapshot.positions if self.snapshot is not None else []
        return next((one for one in positions if one.local_symbol == contract), None)

    def _send(self, trader: Any, order: Any, what: str) -> None:
        """Commit an order's intent and send it, past the gate: it only protects."""
        context = self._session.context
        context.recorder.order_sent(order, context.exception_trap.current_event)
        if error := context.recorder.commit(reduces=True):
            LOG.error("the journal has no intent of %s: %s", order.client_order_id, error)
        Strategy.submit_order(trader, order)
        name = order.client_order_id
        self.alarm(f"repair:{order.instrument_id}", f"{order.instrument_id}: {what} ({name})")

    def _trader(self, contract: Any, strategy: Any = None) -> Any:
        """Return the strategy of an id, else the one that trades a contract, else the first."""
        context = self._session.context
        by_id = {one.strategy_id: one for one in context.strategies}
        if strategy in by_id:
            return by_id[strategy]
        for order in reversed(context.cache.orders(instrument_id=contract)):
            if order.strategy_id in by_id:
                return by_id[order.strategy_id]
        return context.strategies[0]

    def _failed(self, what: str) -> Any:
        def done(error: str) -> None:  # on the look's thread: only the log
            if error:
                LOG.error("%s failed: %s", what, error)

        return done
