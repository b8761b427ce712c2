"""Market orders in Nautilus' sandbox: `python session_orders.py MODE FOLDER` prints JSON.

MODE is `plain` (plain Nautilus), `hosted` (nothing is committed) or `committed` (every intent is on
disk before its order leaves). The times are milliseconds from the call of `submit_order` until the
venue has taken the order.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from nautilus_trader.trading import StrategyConfig

from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.engine.recording.session_recorder import SessionRecorder
from qe_plugins.engine.running.assembly import assemble
from qe_plugins.journal.store import Journal
from tests.engine.recording.sinks import MemorySink
from tests.engine.session import Market, run_node, sandbox_node, today, until
from tests.engine.session_traders import Obedient

ORDERS = 200
TIMES: list[float] = []


class Timed(Obedient):
    """Trades at every bar, and measures each order's way to the venue."""

    began = 0.0

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        self.began = perf_counter()
        super().submit_order(order, *args, **kwargs)

    def on_order_submitted(self, event: Any) -> None:
        TIMES.append((perf_counter() - self.began) * 1_000)


class Uncommitted(SessionRecorder):
    """Records everything and commits nothing."""

    def commit(self, *, reduces: bool) -> str:
        return ""


def main(mode: str, folder: Path) -> None:
    trader = {"trader": {"path": "tests.benchmarks.session_orders:Timed"}}
    prepared = today(folder, strategies=trader)

    async def records(client: Any) -> None:
        market = Market(client, prepared)
        await market.bar(6000)
        for number in range(ORDERS):
            strategy.say("buy" if number % 2 == 0 else "sell")
            await market.bar(6000)
            await until(lambda sent=number: len(TIMES) > sent, 2)
        handle.stop()

    node = sandbox_node(prepared, records)
    journal: Any = None
    if mode == "plain":
        strategy = Timed(StrategyConfig())
        node.add_strategy(strategy)
    else:
        if mode == "hosted":
            recorder: Any = Uncommitted(FactWriter(MemorySink(), "run"))
        else:
            journal = Journal.open(f"sqlite:///{folder / 'journal.sqlite'}")
            journal.open_run("run", "benchmark", datetime.now(UTC))
            recorder = SessionRecorder(FactWriter(journal, "run"))
        made = assemble(node, prepared, recorder)
        [strategy] = made.context.strategies
    handle = node.handle()
    run_node(node, 60)
    if mode != "plain":
        recorder.close()
        made.context.exception_trap.reraise()
    if journal is not None:
        journal.close()
    node.dispose()
    times = sorted(TIMES)
    p50, p95 = (times[len(times) * share // 100] for share in (50, 95))
    print(json.dumps({"orders": len(times), "p50": p50, "p95": p95}))


if __name__ == "__main__":
    sys.modules["tests.benchmarks.session_orders"] = sys.modules["__main__"]
    main(sys.argv[1], Path(sys.argv[2]))
