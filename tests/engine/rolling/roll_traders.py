"""A strategy that rolls its bracket by the state machine of a session."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from nautilus_trader.model import (
    BarType,
    InstrumentId,
    OrderSide,
    Price,
    Quantity,
)
from nautilus_trader.trading import Strategy

from qe_plugins import state_dir
from qe_plugins.engine.rolling.session_roller import SessionRoller

OLD, NEW = "MESH24.XCME", "MESM24.XCME"


class RollsItsBracket(Strategy):
    """Enters with a bracket at its second bar, and rolls at its fourth."""

    halts: ClassVar[list[str]] = []
    rollers: ClassVar[list[SessionRoller]] = []
    enters: ClassVar[bool] = True
    limit: ClassVar[float] = 30.0

    def on_start(self) -> None:
        self.bars = 0
        for contract in (OLD, NEW):
            self.subscribe_bars(BarType.from_str(f"{contract}-1-MINUTE-LAST-EXTERNAL"))
        file = state_dir.state_dir() / "sessions" / "roll.json"
        self.roller = SessionRoller(self, file, self.halts.append, self.limit)
        self.rollers.append(self.roller)

    def on_bar(self, bar: Any) -> None:
        if str(bar.bar_type.instrument_id) != OLD:
            return
        self.bars += 1
        if act := getattr(self, f"bar_{self.bars}", None):
            act()

    def bar_2(self) -> None:
        self.submit_order_list(
            self.order_factory.bracket(
                InstrumentId.from_str(OLD),
                OrderSide.BUY,
                Quantity.from_int(2),
                tp_price=Price.from_str("4850.00"),
                sl_trigger_price=Price.from_str("4700.00"),
            )
        )

    def bar_4(self) -> None:
        self.roller.begin("ROLL-1", OLD, NEW, spread=Decimal("50.25"), enters=self.enters)

    def on_order_event(self, event: Any) -> None:
        self.roller.on_order_event(event)


class OnlyCloses(RollsItsBracket):
    enters = False


class IsHaltedBefore(RollsItsBracket):
    def bar_4(self) -> None:
        from qe_plugins.halt.latch import HaltLatch

        HaltLatch.at_home().set("news", "person")
        super().bar_4()


class IsInDoubt(RollsItsBracket):
    """May not enter before its bar number `until`."""

    until: ClassVar[int] = 6
    limit = 600.0

    def on_start(self) -> None:
        super().on_start()
        self.roller.may_enter = lambda: "in doubt" if self.bars < self.until else ""

    def on_bar(self, bar: Any) -> None:
        super().on_bar(bar)
        self.roller.tick()


class StaysInDoubt(IsInDoubt):
    until = 1_000
    limit = 120.0


class RestartsInTheMiddle(RollsItsBracket):
    """Forgets the roll after each event, and takes it up from its file."""

    def on_order_event(self, event: Any) -> None:
        super().on_order_event(event)
        if self.bars >= 4 and self.roller.pending and not self.roller._at_work:
            fresh = SessionRoller(self, self.roller._file, self.halts.append)
            fresh.restore()
            self.roller = fresh
            self.rollers.append(fresh)
