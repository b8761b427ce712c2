"""A session in Nautilus' sandbox: what is in the journal when an order leaves, and after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qe_plugins.engine.running.assembly import Assembly, assemble
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.plugins import PluginManager
from qe_plugins.plugins.base import Plugin
from tests.engine.recording.sinks import MemorySink
from tests.engine.session import Market, committed, run_node, sandbox_node, today, until

TRADER = {"trader": {"path": "tests.engine.session_traders:Obedient"}}


class Desk:
    """A session of one strategy that does what the test says, bar by bar."""

    def __init__(self, folder: Path, *plugins: Plugin, reached: Any = None) -> None:
        self.sink = MemorySink()
        self.prepared = today(folder, strategies=TRADER)
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
        handle = node.handle()
        run_node(node)
        recorder.close()
        made.context.observers.close()
        node.dispose()
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
