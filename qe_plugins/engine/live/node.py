"""A session on a live node: recorded data by a replay client, Nautilus' sandbox as the venue."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.adapters.sandbox import (
    SandboxExecutionClientConfig,
    SandboxExecutionClientFactory,
)
from nautilus_trader.common import Environment
from nautilus_trader.execution import DefaultFillModel
from nautilus_trader.live import LiveExecutionEngineConfig, LiveNode, LiveRiskEngineConfig
from nautilus_trader.model import BarType, Currency, TraderId

from qe_plugins.engine.accounting.booking import TradeBooker
from qe_plugins.engine.accounting.holdings import credit
from qe_plugins.engine.contracts.instruments import fee_model, without_margins
from qe_plugins.engine.live import faked_clock
from qe_plugins.engine.live.kept_contracts import NodeEngine
from qe_plugins.engine.live.replay_client import NAME, MarkerActor, client_class, routing
from qe_plugins.engine.live.stream import moments
from qe_plugins.engine.live.tape_timers import TapeTimers
from qe_plugins.engine.running.assembly import Assembly, assemble
from qe_plugins.engine.settings.nautilus_config import (
    cache_config,
    logger_config,
    venue_arguments,
)
from qe_plugins.engine.simulation.exchange import Exchange
from qe_plugins.errors import RunError

if TYPE_CHECKING:
    from qe_plugins.engine.live.pacing import Pace
    from qe_plugins.engine.live.replay_client import ReplayClient
    from qe_plugins.engine.live.view import Viewer
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.engine.running.prepare import PreparedRun
    from qe_plugins.halt.latch import HaltLatch

SECOND = 1_000_000_000

STEP = 0.05
"""Seconds after which a wait looks whether the session shall end."""

PATIENCE = 20.0
"""Seconds until the node's components must have started."""

SANDBOX = (
    "oms_type",
    "account_type",
    "bar_execution",
    "trade_execution",
    "support_gtd_orders",
    "support_contingent_orders",
    "use_position_ids",
    "use_reduce_only",
    "bar_adaptive_high_low_ordering",
    "liquidity_consumption",
    "queue_position",
    "latency_model",
)
"""Settings of a venue that the sandbox has, too."""


def unsuitable(prepared: PreparedRun) -> str:
    """Return why a session cannot run on a node with the sandbox; empty where it can."""
    config, tape = prepared.loaded.config, prepared.tape
    slippage = config.slippage
    if prepared.fronts:
        return "strategies on a root are rolled by the recorded data"
    if len({one.id.venue for one in tape.contracts}) > 1:
        return "the data has contracts of several venues"
    if config.fills.rules == "exchange" and (slippage.model, slippage.ticks) not in (
        ("ticks", 1),
        ("none", slippage.ticks),
    ):
        return f"the sandbox has no slippage model `{slippage.model}`"
    for component in prepared.components:
        for text in map(str, (component.options or {}).values()):
            if "@" in text and BarType.from_str(text).is_composite():
                return "bars are aggregated in the engine"
    return ""


def inexact(prepared: PreparedRun) -> str:
    """Return why a session on a node has other fills than a backtest; empty where it has the same.

    The sandbox slips each order by one tick or none, limit orders too.
    """
    config = prepared.loaded.config
    if config.fills.rules == "exchange" and config.slippage.model != "none":
        return f"the sandbox slips otherwise than `slippage: {config.slippage.model}`"
    return ""


class NodeVenue:
    """The live node of a session. `last` is the time of the last record processed (UTC ns)."""

    def __init__(
        self,
        prepared: PreparedRun,
        recorder: Recorder | None = None,
        latch: HaltLatch | None = None,
    ) -> None:
        self._prepared = prepared
        self.last = prepared.tape.start
        self.complete = False
        self._failure: BaseException | None = None
        self._expected = 0
        self._step(prepared.tape.start)
        self._exchange = _exchange(prepared)
        self._actor = MarkerActor()
        self._timers = TapeTimers(self._step)
        self._pace: Pace
        self._viewer: Viewer
        self._contracts = [without_margins(one) for one in prepared.tape.contracts]
        self._node = self._built()
        engine = NodeEngine(self._node, self._contracts)
        self.assembly: Assembly = assemble(
            engine, prepared, recorder, latch=latch, connect=self._exchange.connect
        )
        self.context.timers = self._timers
        self._node.add_actor(self._actor)

    @property
    def context(self) -> RunContext:
        """Return what the parts of the session share."""
        return self.assembly.context

    def skew(self) -> float:
        """Return the seconds by which the node's clock is past the moment that it was set to."""
        return (self._actor.clock.timestamp_ns() - self._expected) / SECOND

    def run(self, pace: Pace, viewer: Viewer) -> None:
        """Run the node until the data ends, or until `pace` says that the session shall end.

        Raises as a backtest does where user code raised.
        """
        self._pace, self._viewer = pace, viewer
        self._node.run()
        self.context.exception_trap.reraise()
        if self._failure is not None:
            raise self._failure
        if not (self.complete or pace.stopped):
            raise RunError("the node stopped before the data ended.")
        self.context.dispatcher.check_complete()
        self.assembly.pipeline.finish()
        viewer.at(self.last, now=True)

    def dispose(self) -> None:
        """Free the node, and set the clock to the real one."""
        faked_clock.end()
        self.context.observers.close()

    def _step(self, ts: int) -> None:
        self._expected = ts
        faked_clock.step(ts)

    def _built(self) -> LiveNode:
        loaded = self._prepared.loaded
        section = loaded.config.nautilus
        name = f"{loaded.config.name}-paper"
        risk = section.risk_engine
        factory = client_class(
            self._contracts,
            partial(_fed, self),
            self._actor,
        )
        builder = LiveNode.builder(name, TraderId.from_str(section.trader_id), Environment.SANDBOX)
        return (
            builder.with_logging(logger_config(loaded))
            .with_cache_config(cache_config(loaded))
            .with_reconciliation(False)
            .with_delay_post_stop_secs(0)
            .with_risk_engine_config(
                LiveRiskEngineConfig(
                    bypass=risk.bypass,
                    max_order_submit_rate=risk.max_order_submit_rate,
                    max_order_modify_rate=risk.max_order_modify_rate,
                    max_notional_per_order={
                        n: str(most) for n, most in risk.max_notional_per_order.items()
                    },
                )
            )
            .with_exec_engine_config(LiveExecutionEngineConfig(reconciliation=False))
            .add_data_client(NAME, factory, *routing())
            .add_simulated_exec_client(
                None, SandboxExecutionClientFactory(), sandbox_config(self._prepared)
            )
            .build()
        )

    async def feed(self, client: ReplayClient) -> None:
        """Feed the tape, each moment once the node has processed the one before."""
        handle = self._node.handle()
        try:
            await self._started(client, handle)
            for chunk in self._prepared.tape.chunks([]):
                records = self._exchange.records(chunk)
                if isinstance(self.context.trade_booker, TradeBooker):
                    self.context.trade_booker.start_chunk(chunk.columns)
                for ts, at_once in moments(records):
                    if not await self._moment(client, ts, at_once):
                        return
            self.complete = True
        except asyncio.CancelledError:  # the node handles stop signals itself
            self._pace.stop()
            raise
        except BaseException as error:
            self._failure = error
            raise
        finally:
            handle.stop()

    async def _started(self, client: ReplayClient, handle: Any) -> None:
        for _ in range(int(PATIENCE / STEP)):
            if handle.is_running and await client.processed(STEP):
                return
            await asyncio.sleep(STEP)
        raise RunError(f"the node's components did not start within {PATIENCE:g} s.")

    async def _moment(self, client: ReplayClient, ts: int, records: list[Any]) -> bool:
        """Fire the timers before a moment, then feed its records; return whether to go on."""
        while (timer := self._timers.next()) is not None and timer < ts:
            if not await self._wait(timer):
                return False
            self._timers.fire(timer)
            await client.processed()
        if not await self._wait(ts):
            return False
        self._step(ts)
        for record in records:
            client.feed([record])
            await client.processed()
        self.last = max(self.last, ts)
        self._viewer.at(ts)
        return self.context.exception_trap.failure is None

    async def _wait(self, ts: int) -> bool:
        left = self._pace.seconds_to(ts)
        loop = asyncio.get_running_loop()
        end = loop.time() + left
        while left > 0 and not self._pace.stopped:
            await asyncio.sleep(min(left, STEP))
            self._viewer.idle()
            left = end - loop.time()
        return not self._pace.stopped


async def _fed(venue: NodeVenue, client: ReplayClient) -> None:
    await venue.feed(client)


def _exchange(prepared: PreparedRun) -> Exchange:
    """Return the simulated exchange without its fill model, which the sandbox would refuse."""
    exchange = Exchange(prepared.loaded.config, prepared.tape)
    exchange.fills = None
    return exchange


def sandbox_config(prepared: PreparedRun) -> SandboxExecutionClientConfig:
    """Return the sandbox's settings: those of the configuration's venue."""
    loaded = prepared.loaded
    venue = venue_arguments(loaded)
    currency = Currency.from_str(loaded.config.nautilus.venue.base_currency or "USD")
    settings = {name: venue[name] for name in SANDBOX if name in venue}
    model = venue["fill_model"]
    if model is None and loaded.config.fills.rules == "exchange":
        slippage = loaded.config.slippage
        on_touch = 1.0 if slippage.limit_fills == "on_touch" else 0.0
        model = DefaultFillModel(on_touch, 1.0 if slippage.model == "ticks" else 0.0)
    return SandboxExecutionClientConfig(
        venue=prepared.tape.contracts[0].id.venue,
        starting_balances=credit(currency),
        base_currency=currency,
        reject_stop_orders=False,
        fee_model=venue["fee_model"] or fee_model(prepared.terms, currency.code),
        fill_model=model,
        **settings,
    )
