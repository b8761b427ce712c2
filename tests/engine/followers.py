"""Strategies on a root, each one trick."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from tests.engine.traders import relinked

BUY, SELL = OrderSide.BUY, OrderSide.SELL


class FollowerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`positions` are what to hold from each bar on, in contracts."""

    instrument_id: str
    positions: list[int] = []


class Follower(Strategy):
    """Calls `bar_1`, `bar_2`, ... as the front's bars close; stores what it receives."""

    heard: ClassVar[list[Any]] = []

    def __init__(self, config: FollowerConfig) -> None:
        super().__init__(config)
        self.front = InstrumentId.from_str(config.instrument_id)
        self.label = BarType.from_str(f"{self.front}-1-MINUTE-LAST-EXTERNAL")
        self.bars = 0
        self.heard.clear()

    def on_start(self) -> None:
        self.subscribe_bars(self.label)

    def on_bar(self, bar: Bar) -> None:
        assert bar.ts_event == self.clock.timestamp_ns()
        self.heard.append((bar.ts_event, str(bar.close)))
        self.bars += 1
        if act := getattr(self, f"bar_{self.bars}", None):
            act()

    def market(self, side: OrderSide, contracts: int = 1) -> Any:
        return self.order_factory.market(self.front, side, Quantity.from_int(contracts))

    def limit(self, side: OrderSide, price: str) -> Any:
        size = Quantity.from_int(1)
        return self.order_factory.limit(self.front, side, size, Price.from_str(price))

    def stop(self, side: OrderSide, price: str) -> Any:
        size = Quantity.from_int(1)
        return self.order_factory.stop_market(self.front, side, size, Price.from_str(price))


class AsksTheDesk(Follower):
    """Asks the desk at every bar how long the front, and the old contract, may be held."""

    def on_bar(self, bar: Bar) -> None:
        desk, ts = self.desk, bar.ts_event  # type: ignore[attr-defined]
        names = (str(self.front), "MESH24.XCME")
        self.heard.append(tuple(desk.sessions_to_roll(name, ts) for name in names))


class Scripted(Follower):
    """Holds `positions[n]` contracts after bar n; counts only its own orders."""

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        wanted = dict(enumerate(self.config.positions)).get(self.bars - 1, self.had)
        if missing := wanted - self.had:
            self.had = wanted
            self.submit_order(self.market(BUY if missing > 0 else SELL, abs(missing)))

    had = 0


class Protected(Follower):
    """Long one with a stop and a target that cancel one another; notified of the roll."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_2(self) -> None:
        stop, target = self.stop(SELL, "4700.00"), self.limit(SELL, "4800.00")
        ids = [stop.client_order_id, target.client_order_id]
        self.submit_order_list([relinked(stop, ids[1:]), relinked(target, ids[:1])])

    def on_order_canceled(self, event: Any) -> None:
        self.heard.append("canceled")

    def on_position_closed(self, event: Any) -> None:
        self.heard.append("closed")

    def on_roll(self, rolled: Any) -> None:
        self.heard.append(rolled)


class WorksAnEntry(Follower):
    """Long one, with a second one working far below; asks for more while the roll waits."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_4(self) -> None:
        self.order = self.limit(BUY, "4000.00")
        self.submit_order(self.order)

    def bar_7(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_8(self) -> None:
        self.cancel_order(self.order.client_order_id)


class Averaging(Follower):
    """Keeps the average it has at every bar."""

    def on_start(self) -> None:
        self.average = ExponentialMovingAverage(3)
        self.register_indicator_for_bars(self.label, self.average)
        super().on_start()

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        self.heard[-1] = (*self.heard[-1], self.average.value)


class Asks(Follower):
    """Asks the engine about the front while it is long."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.heard.append(len(self.cache.positions_open(instrument_id=self.front)))
        self.heard.append(self.portfolio.is_net_long(self.front))
        self.heard.append(str(self.cache.instrument(self.front).price_increment))


class HearsTwoMinutes(Follower):
    """Receives only two-minute bars that the engine aggregates from the front; long at once."""

    def on_start(self) -> None:
        made = BarType.from_str(f"{self.front}-2-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL")
        self.subscribe_bars(made)

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))


class HearsTheOldToo(Follower):
    """Receives the front, and one contract whether or not that is the front."""

    old = BarType.from_str("MESH24.XCME-1-MINUTE-LAST-EXTERNAL")

    def on_start(self) -> None:
        super().on_start()
        self.subscribe_bars(self.old)

    def on_bar(self, bar: Bar) -> None:
        self.heard.append((str(bar.bar_type.instrument_id), str(bar.close)))


class HearsForAWhile(Follower):
    """Stops listening at its third bar; long since its first."""

    def bar_1(self) -> None:
        self.submit_order(self.market(BUY))

    def bar_3(self) -> None:
        self.unsubscribe_bars(self.label)


class Remembers(Follower):
    """Asks the cache for the front's bars at every bar."""

    def on_bar(self, bar: Bar) -> None:
        cache, label = self.cache, self.label
        count, before = cache.bar_count(label), cache.bar(label, 1)
        assert cache.has_bars(label)
        assert cache.bar(label) == bar
        assert [one.close for one in cache.bars(label)][:1] == [bar.close]
        assert cache.bar(label, index=count) is None
        self.heard.append((count, before and str(before.close)))
