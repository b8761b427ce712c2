"""A session in Nautilus' sandbox: what is in the journal when an order leaves, and after it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model import BarType, OrderSide, Price, Quantity, StrategyId, Venue
from nautilus_trader.trading import Strategy, StrategyConfig

from qe_plugins import OrderRequest, hookimpl
from qe_plugins.engine.recording.reached import ReachedRun
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.running.assembly import Assembly, assemble
from qe_plugins.engine.simulation.order_routing import OrderRouting
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.plugins import PluginManager
from qe_plugins.plugins.base import Plugin
from tests.engine.recording.sinks import MemorySink
from tests.engine.session import Market, committed, run_node, sandbox_node, today, until

TRADER = {"trader": {"path": "tests.engine.session_traders:Obedient"}}


class ByHand(Strategy):
    """A strategy of plain Nautilus, which the session does not host."""

    contract: Any


class Desk:
    """A session of one strategy that does what the test says, bar by bar."""

    def __init__(
        self,
        folder: Path,
        *plugins: Plugin,
        reached: Any = None,
        by_hand: bool = False,
        **more: Any,
    ) -> None:
        self.by_hand = by_hand
        self.sink = MemorySink()
        self.prepared = today(folder, strategies=TRADER, **more)
        self.latch = HaltLatch(folder / "halt.json")
        self.plugins = PluginManager([(type(one).__name__, one) for one in plugins])
        self.reached = reached

    def run(self, script: Callable[[Market, Assembly], Any]) -> Assembly:
        """Run a coroutine function of the market and the assembly in a session."""
        errors: list[BaseException] = []

        async def records(client: Any) -> None:
            try:
                await script(Market(client, self.prepared), made)
            except BaseException as error:
                errors.append(error)
            handle.stop()

        prepared = self.prepared
        object.__setattr__(prepared, "plugins", self.plugins)
        node = sandbox_node(prepared, records)
        recorder = committed(self.sink, reached=self.reached)
        made = assemble(node, prepared, recorder, latch=self.latch)
        if self.by_hand:
            hand = ByHand(StrategyConfig(strategy_id=StrategyId("MANUAL-007")))
            hand.contract = prepared.tape.contracts[0].id
            node.add_strategy(hand)
            object.__setattr__(made, "hand", hand)
        handle = node.handle()
        try:
            run_node(node)
        finally:
            recorder.close()
            made.context.observers.close()
            node.dispose()
            del node
            gc.collect()  # a thread may have one node at a time
        if errors:
            raise errors[0]
        made.context.exception_trap.reraise()
        return made


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    return lambda *plugins, **more: Desk(tmp_path, *plugins, **more)


async def buy_and_sell(market: Market, made: Assembly) -> None:
    [trader] = made.context.strategies
    await market.bar(6000)
    trader.say("buy")
    await market.bar(6001)
    await until(lambda: trader.net() == 1)
    await market.bar(6003, high=6005, low=5999)
    trader.say("sell")
    await market.bar(6002)
    await until(lambda: trader.net() == 0)
    await market.bar(6002)


def test_a_session_commits_what_happens_in_causal_order(desk: Callable[..., Desk]) -> None:
    session = desk()
    session.run(buy_and_sell)
    kinds = [str(fact.kind) for fact in session.sink.facts]
    assert kinds.count("order") == kinds.count("fill") == kinds.count("outcome") == 2
    assert kinds.count("snapshot") == 5
    [trade] = session.sink.of("trade")
    assert (trade.body["entry"], trade.body["exit"]) == ("6001.00", "6002.00")
    statuses = [fact.body["status"] for fact in session.sink.of("outcome")]
    assert statuses == ["FILLED", "FILLED"]
    first = session.sink.of("order")[0]
    assert "status" not in first.body
    assert first.cause in {fact.id for fact in session.sink.of("snapshot")}


class Snooper(MemorySink):
    """Notes the intents that were synced to disk."""

    def __init__(self) -> None:
        super().__init__()
        self.durable: list[str] = []

    def append(self, run_id: str, facts: Any, *, durable: bool = True) -> None:
        super().append(run_id, facts, durable=durable)
        self.durable += [fact.id for fact in facts if fact.kind == "order" and durable]


def test_the_intent_is_durable_before_the_order_leaves(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = desk()
    session.sink = sink = Snooper()
    left: list[bool] = []

    def leave(self: Strategy, order: Any, *args: Any, **kwargs: Any) -> None:
        left.append(f"order:{order.client_order_id}" in sink.durable)
        Strategy.submit_order(self, order, *args, **kwargs)

    monkeypatch.setattr(OrderRouting, "submit_order", leave, raising=False)
    session.run(buy_and_sell)
    assert left == [True, True]
    assert sink.durable == [fact.id for fact in sink.of("order")]


async def buy_without_a_journal(market: Market, made: Assembly) -> None:
    [trader] = made.context.strategies
    await market.bar(6000)
    trader.say("buy")
    await market.bar(6001)
    await until(lambda: trader.denied)


def test_an_entry_whose_intent_cannot_be_committed_is_denied_and_halts(
    desk: Callable[..., Desk],
) -> None:
    session = desk()
    session.sink.failure = OSError("no space left on device")
    made = session.run(buy_without_a_journal)
    [reason] = made.context.strategies[0].denied
    assert "journal: its intent could not be recorded: no space left" in reason
    assert not made.context.cache.positions()
    halt = session.latch.read()
    assert halt is not None
    assert halt.source == "journal"
    assert session.sink.facts == []
    assert made.context.session_recorder.waiting > 0


async def sell_without_a_journal(market: Market, made: Assembly, sink: MemorySink) -> None:
    [trader] = made.context.strategies
    await market.bar(6000)
    trader.say("buy")
    await market.bar(6001)
    await until(lambda: trader.net() == 1)
    sink.failure = OSError("server closed the connection")
    trader.say("sell")
    await market.bar(6002)
    await until(lambda: trader.net() == 0)
    assert trader.net() == 0
    sink.failure = None
    made.context.flush()
    trader.say("buy")
    await market.bar(6003)
    await until(lambda: trader.denied)


def test_an_exit_leaves_without_a_journal_and_its_facts_are_written_later(
    desk: Callable[..., Desk],
) -> None:
    session = desk()
    made = session.run(lambda market, made: sell_without_a_journal(market, made, session.sink))
    assert [fact.body["side"] for fact in session.sink.of("fill")] == ["BUY", "SELL"]
    assert [fact.body["status"] for fact in session.sink.of("outcome")][:2] == ["FILLED", "FILLED"]
    assert len(session.sink.of("trade")) == 1
    [reason] = made.context.strategies[0].denied
    assert reason.startswith("halt: ")


async def buy(market: Market, made: Assembly) -> None:
    [trader] = made.context.strategies
    await market.bar(6000)
    trader.say("buy")
    await market.bar(6001)
    await until(lambda: trader.net() == 1)


def test_a_continued_run_repeats_no_id(desk: Callable[..., Desk]) -> None:
    first = desk()
    first.run(buy_and_sell)
    second = desk(reached=ReachedRun.of(first.sink.facts))
    second.sink = MemorySink(first.sink.facts)  # refuses an id that is taken
    made = second.run(buy_and_sell)
    trades = [fact.id for fact in second.sink.of("trade")]
    assert [name.rpartition("-")[2] for name in trades] == ["1", "2"]
    assert len({fact.id for fact in second.sink.of("order")}) == 4
    assert made.context.balance.fills == 4
    assert made.context.session_recorder.waiting == 0


def by_hand(made: Assembly, side: OrderSide) -> Any:
    """Have a strategy that is not hosted trade, as a person would beside the session."""
    hand = made.hand
    hand.submit_order(hand.order_factory.market(hand.contract, side, Quantity.from_int(1)))
    return hand


async def exit_a_manual_trade(market: Market, made: Assembly, latch: HaltLatch) -> None:
    [trader] = made.context.strategies
    contract = market.type.instrument_id
    holdings = made.context.holdings
    await market.bar(6000)
    by_hand(made, OrderSide.BUY)
    await until(lambda: holdings.net(trader.strategy_id, contract) == 1)
    latch.set("a test", "person")
    trader.say("buy")
    await market.bar(6001)
    await until(lambda: trader.denied)
    trader.say("sell")
    await market.bar(6002)
    await until(lambda: holdings.by_contract().get(contract, 0) == 0)
    assert holdings.by_contract() == {contract: 0}


def test_under_a_halt_a_manual_trade_may_be_closed_and_not_added_to(
    desk: Callable[..., Desk],
) -> None:
    session = desk(by_hand=True)
    made = session.run(lambda market, made: exit_a_manual_trade(market, made, session.latch))
    assert len(made.context.strategies[0].denied) == 1


async def liquidate_a_manual_trade(market: Market, made: Assembly) -> None:
    [trader] = made.context.strategies
    holdings, contract = made.context.holdings, market.type.instrument_id
    await market.bar(6000)
    by_hand(made, OrderSide.BUY)
    await until(lambda: holdings.by_contract())
    trader.close_all_positions(contract)
    await until(lambda: holdings.net(trader.strategy_id, contract) == 0)
    assert holdings.net(trader.strategy_id, contract) == 0


def test_closing_all_positions_closes_what_counts_as_the_strategys(
    desk: Callable[..., Desk],
) -> None:
    desk(by_hand=True).run(liquidate_a_manual_trade)


async def halt_beside_a_manual_order(market: Market, made: Assembly) -> None:
    hand, cache = made.hand, made.context.cache  # type: ignore[attr-defined]
    await market.bar(6000)
    size, price = Quantity.from_int(1), Price.from_str("5000.00")
    hand.submit_order(hand.order_factory.limit(hand.contract, OrderSide.BUY, size, price))
    await until(cache.orders_open)
    assert cancel_entries(made.context) == []
    await market.bar(6001)
    assert len(cache.orders_open()) == 1


def test_a_halt_does_not_report_a_manual_order_as_cancelled(desk: Callable[..., Desk]) -> None:
    desk(by_hand=True).run(halt_beside_a_manual_order)


def test_a_trade_that_was_open_is_closed_after_a_restart(desk: Callable[..., Desk]) -> None:
    first = desk()
    first.run(buy)
    second = desk(reached=ReachedRun.of(first.sink.facts), by_hand=True)
    second.sink = MemorySink(first.sink.facts)

    async def script(market: Market, made: Assembly) -> None:
        [trader] = made.context.strategies
        await market.bar(6002)  # the sandbox has lost the position: bring it back
        by_hand(made, OrderSide.BUY)
        await until(lambda: made.context.holdings.by_contract())
        trader.say("sell")
        await market.bar(6004)
        await until(lambda: second.sink.of("trade"))

    second.run(script)
    [trade] = second.sink.of("trade")
    assert (trade.body["entry"], trade.body["exit"]) == ("6001.00", "6004.00")
    assert trade.body["orders"][0] == first.sink.of("order")[0].id.partition(":")[2]


SLEEP = 120.0
"""Seconds, of which a busy machine does not need half for one bar."""


class Sleeper(Plugin):
    """A guardian that sleeps until the test ends."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.awake = threading.Event()

    @hookimpl
    def veto_order(self, order: OrderRequest) -> None:
        self.calls += 1
        self.awake.wait(SLEEP)


async def trade_past_a_sleeper(market: Market, made: Assembly, latch: HaltLatch) -> None:
    [trader] = made.context.strategies
    holdings, contract = made.context.holdings, market.type.instrument_id
    await market.bar(6000)
    by_hand(made, OrderSide.BUY)  # a position that may be closed
    await until(lambda: holdings.by_contract())
    trader.say("buy")
    began = time.perf_counter()
    await market.bar(6001)
    assert 0.2 <= time.perf_counter() - began < SLEEP / 2
    await until(lambda: trader.denied)
    latch.clear()
    trader.say("buy")
    began = time.perf_counter()
    await market.bar(6002)
    await until(lambda: len(trader.denied) == 2)
    trader.say("sell")
    await market.bar(6003)
    await until(lambda: not holdings.by_contract().get(contract))
    assert time.perf_counter() - began < SLEEP / 2
    assert len(trader.received) == 4


def test_a_sleeping_guardian_delays_nothing_beyond_its_limit(desk: Callable[..., Desk]) -> None:
    guardian = Sleeper()
    session = desk(guardian, by_hand=True, risk={"veto_timeout": "200ms"})
    made = session.run(lambda market, made: trade_past_a_sleeper(market, made, session.latch))
    guardian.awake.set()
    first, second = made.context.strategies[0].denied
    assert first == "Sleeper: did not answer veto_order within 0.2 s"
    assert "is not called until it is resumed" in second
    assert guardian.calls == 1
    assert [fact.body["plugin"] for fact in session.sink.of("veto")] == ["Sleeper", "Sleeper"]
    [failure] = session.sink.of("failure")
    assert failure.source == "Sleeper"


def test_a_sleeping_guardian_halts(desk: Callable[..., Desk]) -> None:
    guardian = Sleeper()
    session = desk(guardian, risk={"veto_timeout": "200ms"})
    session.run(buy_without_a_journal)
    guardian.awake.set()
    halt = session.latch.read()
    assert halt is not None
    assert halt.source == "hook_timeout"


class Reader(Plugin):
    """Reads everything that a guardian, a hunter or a sizer is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Any] = {}

    @hookimpl
    def engine_started(self, cache: Any, portfolio: Any) -> None:
        self.cache = cache

    @hookimpl
    def veto_order(
        self,
        order: OrderRequest,
        cache: Any,
        portfolio: Any,
        account: Any,
        history: Any,
        instrument: Any,
    ) -> None:
        kind = f"{order.instrument_id}-1-MINUTE-LAST-EXTERNAL"
        self.seen = {
            "thread": threading.current_thread().name,
            "equity": account.equity(),
            "bars": len(history.last(kind, 10)),
            "close": str(cache.bar(BarType.from_str(kind)).close),
            "started": len(self.cache.instruments()),
            "account": str(portfolio.account(Venue("XCME")).id),
            "positions": [one.is_long for one in cache.positions_open()],
            "multiplier": str(instrument.multiplier),
        }


def test_a_guardian_reads_account_prices_and_positions_on_its_worker(
    desk: Callable[..., Desk],
) -> None:
    reader = Reader()
    desk(reader).run(buy_and_sell)
    assert reader.seen == {
        "thread": "qe-Reader",
        "equity": Decimal(100_000),
        "bars": 2,
        "close": "6001.00",
        "started": 1,
        "account": "XCME-001",
        "positions": [],
        "multiplier": "5",
    }
