"""Strategies, actors and algorithms as anyone would write them for Nautilus, each one trick."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from nautilus_trader.common import DataActor
from nautilus_trader.model import (
    Bar,
    BarType,
    ClientOrderId,
    ContingencyType,
    ExecAlgorithmId,
    InstrumentId,
    OmsType,
    OrderInitialized,
    OrderSide,
    Price,
    Quantity,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.trading import (
    ExecutionAlgorithm,
    ExecutionAlgorithmConfig,
    Strategy,
    StrategyConfig,
)

MES = InstrumentId.from_str("MESH24.XCME")
BARS = BarType.from_str(f"{MES}-1-MINUTE-LAST-EXTERNAL")
ONE, TWO, THREE = (Quantity.from_int(n) for n in (1, 2, 3))
BUY, SELL = OrderSide.BUY, OrderSide.SELL


class Trader(Strategy):
    """Calls `bar_1`, `bar_2`, ... as the bars close; stores every event it receives."""

    heard: ClassVar[list[Any]] = []

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.bars = 0
        type(self).heard.clear()

    def on_start(self) -> None:
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        self.bars += 1
        if act := getattr(self, f"bar_{self.bars}", None):
            act()

    def on_order_event(self, event: Any) -> None:
        self.heard.append(event)

    def on_order_denied(self, event: Any) -> None:
        self.heard.append(("on_order_denied", event.reason))

    def on_order_modify_rejected(self, event: Any) -> None:
        self.heard.append(("on_order_modify_rejected", event.reason))

    def market(self, side: OrderSide, quantity: Quantity = ONE, **more: Any) -> Any:
        return self.order_factory.market(MES, side, quantity, **more)

    def limit(self, side: OrderSide, price: str, quantity: Quantity = ONE, **more: Any) -> Any:
        return self.order_factory.limit(MES, side, quantity, Price.from_str(price), **more)


class BuysAtMarket(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))


class BuysTwiceAtMarket(BuysAtMarket):
    def bar_3(self) -> None:
        self.submit_order(self.market(BUY))


class SellsAtMarket(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(SELL))


class BuysAtBar2(Trader):
    def bar_2(self) -> None:
        self.submit_order(self.market(BUY))


class BuysAtBar3(Trader):
    def bar_3(self) -> None:
        self.submit_order(self.market(BUY))


class BuysInTheBreak(Trader):
    """Sends an order half an hour after its second bar."""

    def bar_2(self) -> None:
        later = self.clock.timestamp_ns() + 1_800 * 10**9
        self.clock.set_time_alert_ns("later", later, self.ring)

    def ring(self, event: Any) -> None:
        self.submit_order(self.market(BUY))


class StopsInAtBar3(Trader):
    def bar_3(self) -> None:
        stop = Price.from_str("4752.50")
        self.submit_order(self.order_factory.stop_market(MES, BUY, ONE, stop))


class BuysAtBar1AndStops(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))
        stop = Price.from_str("4700.00")
        self.submit_order(self.order_factory.stop_market(MES, SELL, ONE, stop))


class BuysTwiceAtLimit(Trader):
    """Works two orders sent in one callback."""

    def bar_1(self) -> None:
        self.submit_order(self.limit(BUY, "4700.00"))
        self.submit_order(self.limit(BUY, "4701.00"))


class BuysThroughSuper(Trader):
    """Overrides `submit_order` itself and calls its parent."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        super().submit_order(order, *args, **kwargs)


class BuysAtLimit(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.limit(BUY, "4749.00"))


class BuysEmulated(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.limit(BUY, "4749.00", emulation_trigger=TriggerType.BID_ASK))


class BuysABracket(Trader):
    def bar_1(self) -> None:
        self.submit_order_list(
            self.order_factory.bracket(
                MES,
                BUY,
                ONE,
                tp_price=Price.from_str("4760.00"),
                sl_trigger_price=Price.from_str("4740.00"),
            )
        )


class BuysByAlgorithm(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY, TWO, exec_algorithm_id=ExecAlgorithmId("SLICER")))


class Slicer(ExecutionAlgorithm):
    """Splits an order into single contracts."""

    def __init__(self) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id="SLICER"))

    def on_order(self, order: Any) -> None:
        self.submit_order(self.spawn_market(order, ONE, TimeInForce.GTC))


class GrowsALimit(Trader):
    """Works one contract far from the market, then wants three."""

    def bar_1(self) -> None:
        self.order = self.limit(BUY, "4700.00")
        self.submit_order(self.order)

    def bar_2(self) -> None:
        self.modify_order(self.order.client_order_id, THREE)


class ShrinksALimit(Trader):
    def bar_1(self) -> None:
        self.order = self.limit(BUY, "4700.00", THREE)
        self.submit_order(self.order)

    def bar_2(self) -> None:
        self.modify_order(self.order.client_order_id, ONE)


class BuysThenSells(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.submit_order(self.market(SELL))


class BuysThenClosesAll(Trader):
    """Leaves the closing to Nautilus, whose order passes no method of ours."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.close_all_positions(MES)


class BuysFromATimer(Trader):
    """Sends an order half a minute after its second bar."""

    def bar_2(self) -> None:
        later = self.clock.timestamp_ns() + 30 * 10**9
        self.clock.set_time_alert_ns("later", later, self.ring)

    def ring(self, event: Any) -> None:
        self.submit_order(self.market(BUY))


class BuysThenReverses(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.submit_order(self.market(SELL, TWO))


class SellsTwiceInOneBar(Trader):
    """Closes one contract twice: the second order would open a short."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.submit_order(self.limit(SELL, "4760.00"))
        self.submit_order(self.limit(SELL, "4761.00"))


class ProtectsWithOco(Trader):
    """Works a stop and a target that cancel one another: together they only close."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.submit_order_list(self.oco())

    def oco(self) -> list[Any]:
        stop = self.order_factory.stop_market(MES, SELL, ONE, Price.from_str("4740.00"))
        target = self.limit(SELL, "4760.00")
        ids = [stop.client_order_id, target.client_order_id]
        return [relinked(stop, ids[1:]), relinked(target, ids[:1])]


def relinked(order: Any, others: list[ClientOrderId]) -> Any:
    """Return `order` linked to `others`, which it cancels; unlinked where there are none."""
    names = inspect.signature(OrderInitialized).parameters
    fields = {name: getattr(order.init_event, name) for name in names}
    kind = ContingencyType.OCO if others else None
    fields |= {"contingency_type": kind, "linked_order_ids": others or None}
    return type(order).create(OrderInitialized(**fields))


class BuysAtEveryBar(Strategy):
    """Buys one of whatever the tape has, at every bar of a minute."""

    def on_start(self) -> None:
        for instrument in self.cache.instruments():
            self.subscribe_bars(BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, BUY, ONE))


class BuysOnce(BuysAtEveryBar):
    """Buys one of whatever the tape has, at the first bar."""

    bought = False

    def on_bar(self, bar: Bar) -> None:
        if not self.bought:
            self.bought = True
            super().on_bar(bar)


class BreaksOnBar3(Trader):
    def bar_3(self) -> None:
        raise ZeroDivisionError("no such average")


class BreaksInATimer(Trader):
    def bar_2(self) -> None:
        self.clock.set_time_alert_ns("later", self.clock.timestamp_ns() + 90 * 10**9, self.ring)

    def ring(self, event: Any) -> None:
        raise KeyError("the bell")


class BreaksOnAFill(Trader):
    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def on_order_filled(self, event: Any) -> None:
        raise LookupError("nobody expected this fill")


class BreaksAtStart(Trader):
    def on_start(self) -> None:
        raise RuntimeError("not today")


class BreakingActor(DataActor):
    def on_start(self) -> None:
        self.bars = 0
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        self.bars += 1
        if self.bars == 4:
            raise OverflowError("an actor fell")


class BuysWithTwoFullStops(Trader):
    """One contract in, and two stops that do not know of one another: together they go short."""

    def bar_1(self) -> None:
        entry, stop, target = self.order_factory.bracket(
            MES,
            BUY,
            ONE,
            tp_price=Price.from_str("4760.00"),
            sl_trigger_price=Price.from_str("4740.00"),
        )
        self.submit_order_list([entry, *(relinked(o, []) for o in (stop, target))])


class AsksAgainWhenDenied(Trader):
    """Answers a denial at once, with a smaller order, and a second one with nothing."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY, TWO))
        self.heard.append(self.cache.orders()[0].status.name)

    def on_order_denied(self, event: Any) -> None:
        super().on_order_denied(event)
        if len(self.cache.orders()) < 3:
            self.submit_order(self.market(BUY))


class HedgingByItself(Strategy):
    """Asks for hedging whatever is set."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(oms_type=OmsType.HEDGING))
