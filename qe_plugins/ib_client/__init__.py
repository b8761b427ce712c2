"""What Interactive Brokers says, by a connection of its own: orders, positions, executions, quotes.

The only package that imports `ib_async`: `connection.py` runs a client on `loop_thread.py`,
`records.py` is what it answers with, `reading.py` turns ib_async's objects into these. An answer is
the broker's or a `BrokerUnknown`, never an empty list in its place. Other code than the node's
adapter, so that both do not fail alike. A record may get a field without reading elsewhere. Imports
`errors` only.
"""

from qe_plugins.ib_client.connection import BrokerConnection
from qe_plugins.ib_client.records import (
    BrokerEndpoint,
    BrokerEvent,
    BrokerExecution,
    BrokerOrder,
    BrokerPosition,
    BrokerQuote,
    BrokerSnapshot,
    BrokerState,
    BrokerUnknown,
)

__all__ = [
    "BrokerConnection",
    "BrokerEndpoint",
    "BrokerEvent",
    "BrokerExecution",
    "BrokerOrder",
    "BrokerPosition",
    "BrokerQuote",
    "BrokerSnapshot",
    "BrokerState",
    "BrokerUnknown",
]
