"""The node of a live session: the broker's two clients, and the shared components."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.live import LiveNode, LiveNodeBuilder, LiveRiskEngineConfig
from nautilus_trader.model import AccountId, InstrumentId

from qe_plugins.engine.broker.closing import BrokerStrategy, PositionCloser
from qe_plugins.engine.broker.components import LivePipeline, SessionActor
from qe_plugins.engine.broker.entry_rules import BrokerRules
from qe_plugins.engine.broker.ib_settings import BrokerAddress, data_node_builder, node_builder
from qe_plugins.engine.broker.no_entry import NoEntryTimes
from qe_plugins.engine.broker.order_terms import OrderTerms
from qe_plugins.engine.broker.preparation import traded_by
from qe_plugins.engine.hosting.host import host
from qe_plugins.engine.live.warm_up import warmed
from qe_plugins.engine.running.assembly import Assembly, Hosting, assemble
from qe_plugins.engine.settings.nautilus_config import cache_config, logger_config

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession
    from qe_plugins.engine.running.context import RunContext

ISSUER = "IB"
"""The prefix of the account's id in the engine."""

PAPER_OFFSET = 1
"""A session with the sandbox connects under the data client's id plus this: a node may run, too."""


class BrokerNode:
    """Nautilus' node of a session, built and not connected."""

    def __init__(self, session: LiveSession) -> None:
        self._session, live = session, session.live
        self.node: LiveNode = self._built()
        self.handle = self.node.handle()
        broker_account = AccountId(f"{ISSUER}-{live.settings.ib.account}")
        self.account_id = None if live.sandbox else broker_account
        listeners, warm_up = session.listeners, session.warm_up
        pipeline: Any = type(
            "LivePipeline", (LivePipeline,), {"listeners": listeners, "warm_up": warm_up}
        )
        strategy = type("BrokerStrategy", (BrokerStrategy,), {})
        self.assembly: Assembly = assemble(
            self.node,
            live.prepared,
            session.recorder,
            latch=session.latch,
            account_id=self.account_id,
            hosting=Hosting(pipeline, strategy, partial(warmed, warm_up=warm_up)),
        )
        context = self.context
        self.order_terms = OrderTerms(context)
        context.order_terms = self.order_terms.prepared
        self.closer = strategy._closer = PositionCloser(context, self.order_terms)  # type: ignore[attr-defined]
        session.listeners.order_events.append(self.closer.on_order_event)
        times = self.no_entry = NoEntryTimes(live.every_contract, live.settings, live.following)
        config = live.loaded.config
        context.rules = BrokerRules(context.rules, context.cache, config.slippage, times.reason)
        self._claim()
        self.node.add_actor(self._actor())

    @property
    def context(self) -> RunContext:
        """Return what the parts of the session share."""
        return self.assembly.context

    def _built(self) -> LiveNode:
        live = self._session.live
        loaded, ib = live.loaded, live.settings.ib
        section = loaded.config.nautilus
        risk = section.risk_engine
        address = BrokerAddress(
            account=ib.account,
            port=ib.port,
            host=ib.host,
            data_id=ib.client_ids.data + (PAPER_OFFSET if live.sandbox else 0),
            exec_id=ib.client_ids.exec,
        )
        most = {name: str(one) for name, one in risk.max_notional_per_order.items()}
        builder = self._sandbox(address) if live.sandbox else self._broker(address)
        return (
            builder.with_logging(logger_config(loaded))
            .with_cache_config(cache_config(loaded))
            .with_risk_engine_config(
                LiveRiskEngineConfig(
                    bypass=risk.bypass,
                    max_order_submit_rate=risk.max_order_submit_rate,
                    max_order_modify_rate=risk.max_order_modify_rate,
                    max_notional_per_order=most,
                )
            )
            .build()
        )

    def _broker(self, address: BrokerAddress) -> LiveNodeBuilder:
        loaded, contracts = self._session.live.loaded, self._session.live.every_contract
        name, trader = f"{loaded.config.name}-live", loaded.config.nautilus.trader_id
        return node_builder(name, trader, address, [one.id for one in contracts])

    def _sandbox(self, address: BrokerAddress) -> LiveNodeBuilder:
        # here, since they take a third of a second, for which no other session's start shall wait
        from nautilus_trader.adapters.sandbox import SandboxExecutionClientFactory

        from qe_plugins.engine.live.node import sandbox_config

        live = self._session.live
        name, trader = f"{live.loaded.config.name}-paper", live.loaded.config.nautilus.trader_id
        return data_node_builder(
            name, trader, address, [one.id for one in live.every_contract]
        ).add_simulated_exec_client(
            None, SandboxExecutionClientFactory(), sandbox_config(live.prepared)
        )

    def _claim(self) -> None:
        """Have each strategy take over what the broker holds of its contracts, at every start."""
        live, strategies = self._session.live, self.context.strategies
        owners = traded_by(live.prepared, live.every_contract)
        names = [one.name for one in live.prepared.components if one.section == "strategies"]
        for strategy, name in zip(strategies, names, strict=True):
            claimed = [
                InstrumentId.from_str(contract)
                for contract, found in owners.items()
                if found == [name]
            ]
            if claimed:
                strategy.set_external_order_instrument_ids(claimed)

    def _actor(self) -> Any:
        session = self._session
        body = {
            "contracts": [one.id for one in session.live.every_contract],
            "listeners": session.listeners,
            "started": staticmethod(session.started),
            "tick": staticmethod(session.tick),
        }
        return host(type("SessionActor", (SessionActor,), body), self.context)()
