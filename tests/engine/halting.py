"""Strategies that are halted in the middle of what they do."""

from __future__ import annotations

from typing import Any, ClassVar

from nautilus_trader.model import Price, TriggerType

from qe_plugins.engine.risk.entry_cancellation import cancel_entries, cancel_resolved
from qe_plugins.halt.latch import HaltLatch
from tests.engine import traders
from tests.engine.traders import BUY, MES, ONE, SELL, THREE, TWO, Trader


class Halts(Trader):
    """Sets the latch at its second bar, as another process would, and cancels what waits."""

    cancelled: ClassVar[list[str]] = []

    def halt(self) -> None:
        HaltLatch.at_home().set("news", "person", by="ann")

    def cancel(self) -> None:
        Halts.cancelled[:] = cancel_entries(self._run_context)  # type: ignore[attr-defined]

    def bar_2(self) -> None:
        self.halt()
        self.cancel()

    def stop(self, side: Any, price: str, quantity: Any = ONE, **more: Any) -> Any:
        trigger = Price.from_str(price)
        return self.order_factory.stop_market(MES, side, quantity, trigger, **more)


class BuysBeforeAndAfterAHalt(Halts):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.submit_order(self.market(BUY))


class ClosesUnderAHalt(Halts, traders.BuysThenSells):
    pass


class ReversesUnderAHalt(Halts, traders.BuysThenReverses):
    pass


class BracketsUnderAHalt(Halts):
    def bar_3(self) -> None:
        traders.BuysABracket.bar_1(self)  # type: ignore[arg-type]


class ModifiesUnderAHalt(Halts):
    def bar_1(self) -> None:
        self.order = self.limit(BUY, "4700.00", TWO)
        self.submit_order(self.order)

    def bar_2(self) -> None:
        self.halt()

    def bar_3(self) -> None:
        self.modify_order(self.order.client_order_id, THREE)

    def bar_4(self) -> None:
        self.modify_order(self.order.client_order_id, ONE)


class WorksEntries(Halts):
    def bar_1(self) -> None:
        self.submit_order(self.limit(BUY, "4700.00"))
        self.submit_order(self.stop(BUY, "4790.00"))
        self.submit_order(self.limit(BUY, "4749.00", emulation_trigger=TriggerType.BID_ASK))


class SendsInTheBarOfTheHalt(Halts):
    def bar_2(self) -> None:
        self.submit_order(self.limit(BUY, "4700.00"))
        super().bar_2()


class ProtectsItself(Halts):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))
        self.submit_order(self.stop(SELL, "4740.00"))
        self.submit_order(self.limit(SELL, "4770.00", TWO))


class HasOnlyAStopThatReverses(Halts):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_2(self) -> None:
        self.submit_order(self.stop(SELL, "4740.00", TWO))

    def bar_3(self) -> None:
        Halts.bar_2(self)


class HasABracketAtWork(Halts):
    def bar_1(self) -> None:
        traders.BuysABracket.bar_1(self)  # type: ignore[arg-type]


class HasABracketThatWaits(Halts):
    def bar_1(self) -> None:
        self.submit_order_list(
            self.order_factory.bracket(
                MES,
                BUY,
                ONE,
                entry_order_type=self.limit(BUY, "4700.00").order_type,
                entry_price=Price.from_str("4700.00"),
                tp_price=Price.from_str("4760.00"),
                sl_trigger_price=Price.from_str("4690.00"),
            )
        )


class QueuesAnEntry(Halts):
    def bar_2(self) -> None:
        self.submit_order(self.market(BUY))
        self.clock.set_time_alert_ns("soon", self.clock.timestamp_ns() + 10**9, self.ring)

    def ring(self, event: Any) -> None:
        self.halt()
        self.cancel()


class States:
    """What is known of orders at a broker: no entry's state until `known`."""

    def __init__(self) -> None:
        self.known = False

    def is_unresolved(self, order: Any) -> bool:
        return not self.known

    def is_exit(self, order: Any) -> bool:
        return order.parent_order_id is not None


class HasABracketInDoubt(HasABracketThatWaits):
    """The state of its entry is known from the third bar on."""

    cancelled_later: ClassVar[list[list[str]]] = []

    def bar_2(self) -> None:
        context = self._run_context  # type: ignore[attr-defined]
        self.states = context.order_states = States()
        HasABracketInDoubt.cancelled_later.clear()
        super().bar_2()
        self.later()

    def bar_3(self) -> None:
        self.states.known = True
        self.later()
        self.later()

    def later(self) -> None:
        context = self._run_context  # type: ignore[attr-defined]
        HasABracketInDoubt.cancelled_later.append(cancel_resolved(context))
