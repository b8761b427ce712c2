"""The node of a live session: the broker's two clients, and the shared components."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.live import LiveNode, LiveRiskEngineConfig
from nautilus_trader.model import AccountId, InstrumentId

from qe_plugins.engine.broker.closing import BrokerStrategy, PositionCloser
from qe_plugins.engine.broker.components import LivePipeline, SessionActor
from qe_plugins.engine.broker.entry_rules import BrokerRules
from qe_plugins.engine.broker.ib_settings import BrokerAddress, node_builder
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


class BrokerNode:
    """Nautilus' node of a session, built and not connected."""

    def __init__(self, session: LiveSession) -> None:
        self._session, live = session, session.live
        self.node: LiveNode = self._built()
        self.handle = self.node.handle()
        self.account_id = AccountId(f"{ISSUER}-{live.settings.ib.account}")
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
        times = NoEntryTimes(live.contracts, live.settings)
        config = live.loaded.config
        context.rules = BrokerRules(  # type: ignore[assignment]
            context.rules, context.cache, config.rung, config.slippage, times.reason
        )
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
            data_id=ib.client_ids.data,
            exec_id=ib.client_ids.exec,
        )
        most = {name: str(one) for name, one in risk.max_notional_per_order.items()}
        return (
            node_builder(
                f"{loaded.config.name}-live",
                section.trader_id,
                address,
                [one.id for one in live.contracts],
            )
            .with_logging(logger_config(loaded))
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

    def _claim(self) -> None:
        """Have each strategy take over what the broker holds of its contracts, at every start."""
        live, strategies = self._session.live, self.context.strategies
        owners = traded_by(live.prepared, live.contracts)
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
            "contracts": [one.id for one in session.live.contracts],
            "listeners": session.listeners,
            "started": staticmethod(session.started),
            "tick": staticmethod(session.tick),
        }
        return host(type("SessionActor", (SessionActor,), body), self.context)()
