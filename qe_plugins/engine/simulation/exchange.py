"""Build the simulated exchange of a run: prices, fills and waiting orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qe_plugins.engine.simulation.chunk_bars import ChunkBars
from qe_plugins.engine.simulation.execution_bars import ExecutionBars
from qe_plugins.engine.simulation.fill_model import SlippageFillModel
from qe_plugins.engine.simulation.market_state import SECOND, MarketState
from qe_plugins.engine.simulation.order_queue import OrderQueue
from qe_plugins.engine.simulation.stop_limits import StopLimitWatch

if TYPE_CHECKING:
    from qe_plugins.config.schema import Config
    from qe_plugins.data.catalog.reader import Chunk
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.running.context import RunContext


class Exchange:
    """The parts of the simulated exchange between a run's orders and the engine's matching.

    With quotes or trades the engine matches on those and not on bars, whose prices are older. With
    `fills: {rules: nautilus}` no part is active.
    """

    def __init__(self, config: Config, tape: Tape) -> None:
        rules, venue = config.fills, config.nautilus.venue
        self._rules = rules
        self._ends, self._has_options = tape.last_records(), bool(tape.options)
        self.active = rules.rules == "exchange"
        self.ticks = config.data.quotes or config.data.trades
        by_bars = self.active and not self.ticks and venue.bar_execution
        types = {name.partition("-")[0]: name for name in tape.bar_types}
        self.bars = ChunkBars(types)
        self.execution: ExecutionBars | None = None
        if by_bars and types:
            self.execution = ExecutionBars(
                self.bars,
                gap=int(min(self.bars.period, rules.stale_after) * SECOND),
                always=rules.market == "next_open" or venue.latency_model is not None,
            )
        own = self.active and venue.fill_model is None
        nearer, by_ticks = venue.bar_adaptive_high_low_ordering, self.execution is None
        model = SlippageFillModel(
            config.slippage, self.bars, by_ticks=by_ticks, nearer_first=nearer
        )
        self.fills = model if own else None
        self.queue: OrderQueue | None = None
        self._stop_limits: StopLimitWatch | None = None

    def venue(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the engine's venue, with the parts simulated here."""
        changes: dict[str, Any] = {}
        if self.fills is not None:
            changes["fill_model"] = self.fills
        if self.active and self.ticks:
            changes["bar_execution"] = False
        return arguments | changes

    def connect(self, engine: Any, context: RunContext, clock: Any) -> None:
        """Add the order queue to an engine. Call before strategies are added."""
        if not self.active:
            return
        bars = self.bars if self.execution is not None else None
        market = MarketState(context.cache, self._rules, bars, self._ends)
        queue = OrderQueue(market)
        self.queue = context.queue = queue
        engine.add_exec_algorithm(queue)
        engine.add_actor(queue.listener)
        if self.fills is not None and bars is not None:
            self._stop_limits = StopLimitWatch(context.cache, clock, bars, self.fills)
            context.stop_limits = self._stop_limits
        if self.fills is not None:
            self.fills.exception_trap, self.fills.clock = context.exception_trap, clock
            self.fills.cache, self.fills.is_tradable = context.cache, market.is_tradable
            self.fills.options.market = market

    def records(self, chunk: Chunk) -> Sequence[Any]:
        """Return the records of a chunk for the engine. Call once a chunk, in order."""
        self.bars.start_chunk(chunk.columns)
        if self.fills is not None and self._has_options:
            self.fills.options.start_chunk(chunk.records)
        if self._stop_limits is not None:
            self._stop_limits.schedule()
        if self.execution is None:
            return chunk.records
        return self.execution.with_extra_bars(chunk.records, chunk.columns)
