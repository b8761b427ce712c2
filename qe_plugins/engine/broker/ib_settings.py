"""The live node's settings for Interactive Brokers: code, not YAML, each with its reason.

What a default of Nautilus 2.0.0rc7 does in each fault is held by `tests/testing/tws/`; read those
tests before a value here is changed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from nautilus_trader.adapters.interactive_brokers import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersDataClientFactory,
    InteractiveBrokersExecutionClientConfig,
    InteractiveBrokersExecutionClientFactory,
    InteractiveBrokersInstrumentProviderConfig,
    MarketDataType,
)
from nautilus_trader.common import Environment
from nautilus_trader.live import (
    LiveExecutionEngineConfig,
    LiveNode,
    LiveNodeBuilder,
    RoutingConfig,
    SubmissionRecoveryPolicy,
)
from nautilus_trader.model import InstrumentId, TraderId

Settings = dict[str, Any]

EXECUTION: Settings = {
    # what IB holds is the truth, and it is read before anything is sent
    "reconciliation": True,
    # the default of 10 s is waited before trading begins; the account is there within 1 s
    "reconciliation_startup_delay_secs": 1.0,
    # an acknowledgement that is lost for 45 s is no rejection: RESOLVE_LOCALLY says so after 32 s,
    # while IB holds the position, and never corrects it
    "submission_recovery_policy": SubmissionRecoveryPolicy.RETAIN_UNRESOLVED,
    # off by default; heals a lost acknowledgement in 6 to 9 s
    "open_check_interval_secs": 5.0,
    # with True, the target of a stop that filled in an outage stays ACCEPTED for ever
    "open_check_open_only": False,
    # off by default; finds a manual order in TWS in 6 to 12 s
    "position_check_interval_secs": 10.0,
    # an order of a person in TWS belongs in the book: it may need protection
    "filter_unclaimed_external_orders": False,
    # a week around the clock must not grow; IB lists the executions of a day, so that none of a
    # purged order is taken for an unknown one
    "purge_closed_orders_interval_mins": 60,
    "purge_closed_orders_buffer_mins": 1440,
    "purge_closed_positions_interval_mins": 60,
    "purge_closed_positions_buffer_mins": 1440,
}

DATA: Settings = {
    # Globex trades around the clock; the default True hides the night
    "use_regular_trading_hours": False,
    # a bar is one event: the backtest knows no bar that is sent twice
    "handle_revised_bars": False,
    # delayed quotes look like quotes and are 15 minutes old: without a subscription, none
    "market_data_type": MarketDataType.REALTIME,
    # after a 1101 nothing is asked for again and nothing is told but this
    "subscription_idle_timeout_secs": 30,
}

CLIENT: Settings = {
    # a query without an answer is unknown, and says so soon enough for the next check
    "request_timeout": 8,
    "connection_timeout": 5,
}

PROVIDER: Settings = {
    # `MESZ6.XCME` as in every catalog and configuration, not `MESZ6.CME`
    "convert_exchange_to_mic_venue": True,
}

SECONDS_TO_CONNECT = 30
"""Nautilus does not retry: after the default of 60 s a supervisor would wait twice as long."""

SECONDS_AFTER_STOP = 1
"""For late events; the default of 10 s is for which a restart leaves a position unattended."""

STRATEGY: Settings = {
    # IB answers UNSUPPORTED_REDUCE_ONLY, 10 times a second
    "market_exit_reduce_only": False,
    # exits live at the broker: they are not to be cancelled because the node stops
    "manage_stop": False,
}
"""Settings that every hosted strategy has; its id comes from the YAML, never from its place."""


class BrokerAddress(msgspec.Struct, frozen=True):
    """Where the gateway is, as whom to connect, and the one account to trade.

    `data_id` and `exec_id` are client ids, fixed and different; IB refuses a second connection of
    the same one. 0 would take over the orders of a person in TWS.
    """

    account: str
    port: int
    host: str = "127.0.0.1"
    data_id: int = 11
    exec_id: int = 21


def node_builder(
    name: str, trader_id: str, broker: BrokerAddress, contracts: Collection[str]
) -> LiveNodeBuilder:
    """Return the builder of a node that trades `contracts`, such as `MESZ6.XCME`, on `broker`.

    Logging, cache and risk engine are the caller's. `shutdown_on_error` stays False, its default:
    Nautilus logs 1100, a connection that was lost for a moment, as an error.
    """
    execution = InteractiveBrokersExecutionClientConfig(
        client_id=broker.exec_id, account_id=broker.account, **_common(broker, contracts)
    )
    return (
        _with_data(name, trader_id, Environment.LIVE, broker, contracts)
        .with_reconciliation(True)
        .with_exec_engine_config(LiveExecutionEngineConfig(**EXECUTION))
        .add_exec_client(None, InteractiveBrokersExecutionClientFactory(), execution, ROUTING)
    )


def data_node_builder(
    name: str, trader_id: str, broker: BrokerAddress, contracts: Collection[str]
) -> LiveNodeBuilder:
    """Return the builder of a node that has the broker's data and can send it no order."""
    return (
        _with_data(name, trader_id, Environment.SANDBOX, broker, contracts)
        .with_reconciliation(False)
        .with_exec_engine_config(LiveExecutionEngineConfig(reconciliation=False))
    )


ROUTING = RoutingConfig(default=True)
"""IB's clients are under venue IB, contracts under XCME."""


def _with_data(
    name: str,
    trader_id: str,
    environment: Environment,
    broker: BrokerAddress,
    contracts: Collection[str],
) -> LiveNodeBuilder:
    data = InteractiveBrokersDataClientConfig(
        client_id=broker.data_id, **_common(broker, contracts), **DATA
    )
    return (
        LiveNode.builder(name, TraderId.from_str(trader_id), environment)
        .with_timeout_connection(SECONDS_TO_CONNECT)
        .with_delay_post_stop_secs(SECONDS_AFTER_STOP)
        .add_data_client(None, InteractiveBrokersDataClientFactory(), data, ROUTING)
    )


def _common(broker: BrokerAddress, contracts: Collection[str]) -> Settings:
    provider = InteractiveBrokersInstrumentProviderConfig(
        load_ids={InstrumentId.from_str(one) for one in contracts}, **PROVIDER
    )
    return {
        "host": broker.host,
        "port": broker.port,
        "instrument_provider": provider,
        **CLIENT,
    }
