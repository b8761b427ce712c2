"""An entry that turns a position has its cause, whichever event let it go out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.model import InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins import Review, Side, Trade, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.base import Plugin
from tests.engine.conftest import CONTRACT
from tests.engine.signals.test_pipeline import First, Hunter, One, wish

Run = Callable[..., BacktestResult]
MES = InstrumentId.from_str(CONTRACT)


class Keeps(Plugin):
    """Keeps the votes behind each trade."""

    def __init__(self) -> None:
        super().__init__()
        self.votes: list[list[str]] = []

    @hookimpl
    def trade_closed(self, trade: Trade) -> Review:
        self.votes.append([vote.id for vote in trade.votes])
        return Review(trade_id=trade.id, summary="seen")


class TurnsWhenFlat(Strategy):
    """Buys at the first bar, closes at the third, and sells in the event that says it is flat."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.bars = 0

    def on_start(self) -> None:
        from nautilus_trader.model import BarType

        self.subscribe_bars(BarType.from_str(f"{CONTRACT}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar: Any) -> None:
        self.bars += 1
        if self.bars in (1, 3):
            self.trade(OrderSide.BUY if self.bars == 1 else OrderSide.SELL)

    def on_position_closed(self, event: Any) -> None:
        if self.bars == 3:
            self.trade(OrderSide.SELL)

    def trade(self, side: OrderSide) -> None:
        self.submit_order(self.order_factory.market(MES, side, Quantity.from_int(1)))


def orders(outcome: BacktestResult) -> list[Fact]:
    return [fact for fact in outcome.facts if fact.kind is FactKind.ORDER]


def test_the_signal_that_turned_it_is_the_cause_and_has_voted(trade: Run) -> None:
    long = wish(Side.LONG, entry=Decimal(4750), stop=Decimal(4700))
    short = wish(Side.SHORT, entry=Decimal(4750), stop=Decimal(4800))
    keeps = Keeps()
    outcome = trade(
        None,
        Hunter({2: long, 4: short, 6: long, 8: wish(Side.FLAT)}),
        First(),
        One(),
        keeps,
        strategies={"signal_follower": {}},
    )
    entries = [fact for fact in orders(outcome) if fact.body["type"] == "MARKET"]
    assert [fact.cause for fact in orders(outcome) if fact.cause is None] == []
    causes = [fact.cause for fact in entries]
    assert set(causes) >= {"signal:1", "signal:2", "signal:3"}
    assert keeps.votes == [
        ["vote:1", "signal:1"],
        ["vote:2", "signal:2"],
        ["vote:3", "signal:3"],
    ]


def test_without_a_signal_the_order_that_closed_it_is_the_cause(trade: Run) -> None:
    outcome = trade(None, strategies={"turns": {"path": f"{__name__}:TurnsWhenFlat"}})
    first, second, third = orders(outcome)
    assert third.cause == second.id
    assert (first.cause or "").startswith("snapshot:")
