"""What the broker answered, as frozen records. Quantities and prices are exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from qe_plugins.errors import QeError

type Side = Literal["BUY", "SELL"]

type BrokerState = Literal[
    "closed", "connected", "down", "not_logged_in", "client_id_taken", "wrong_account", "cut"
]
"""The state of a connection.

closed           not opened, or lost
connected        connected, and IB is connected to the exchange
down             no program listens on the port
not_logged_in    the port accepts connections, and none is answered: the gateway waits for a login
client_id_taken  another connection has this client id (326)
wrong_account    connected, and the account is not among those of the login
cut              connected to the gateway, which lost its connection to IB (1100)
"""

DONE = frozenset({"Filled", "Cancelled", "ApiCancelled"})
"""States of an order in which it can fill no more."""


class BrokerUnknown(QeError):  # noqa: N818 - an answer that is missing, not a mistake
    """The broker did not answer, so its orders and positions are not known: never "nothing"."""


class BrokerEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway is, as which client to connect, and the one account to look at."""

    account: str
    port: int
    client_id: int
    host: str = "127.0.0.1"


class BrokerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that IB lists as open, of any client id.

    `perm_id` is IB's own id and unique; two of one `ref` are one order twice. `client_id` is 0 and
    `order_id` is 0 or negative for an order of a person in TWS. `kind` is IB's order type, such as
    `STP`. `parent_id` is the order id of the entry whose exit this is, 0 without one.
    """

    perm_id: int
    order_id: int
    client_id: int
    ref: str
    account: str
    con_id: int
    local_symbol: str
    side: Side
    kind: str
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: str
    parent_id: int
    oca_group: str
    outside_rth: bool
    time_in_force: str

    @property
    def is_open(self) -> bool:
        """Return whether it can still fill."""
        return self.status not in DONE

    @property
    def remaining(self) -> Decimal:
        """Return the contracts that are not filled."""
        return self.quantity - self.filled

    @property
    def is_stop(self) -> bool:
        """Return whether it triggers at a stop price."""
        return self.kind in ("STP", "STP LMT", "TRAIL", "TRAIL LIMIT")


class BrokerPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What the account holds of one contract: `quantity` is negative when short.

    `average_price` is IB's average cost a contract over the multiplier: fees are in it, so it is
    off the tick.
    """

    account: str
    con_id: int
    local_symbol: str
    symbol: str
    exchange: str
    currency: str
    kind: str
    multiplier: Decimal
    quantity: Decimal
    average_price: Decimal


class BrokerExecution(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of this day, of any client id. `time_ns` is UTC nanoseconds, to the second."""

    exec_id: str
    perm_id: int
    order_id: int
    client_id: int
    ref: str
    account: str
    con_id: int
    local_symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    time_ns: int


class BrokerSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The account at one moment: open orders of all client ids, positions, executions of the day.

    `at_ns` (UTC nanoseconds) is when the first question was sent: the answers are not older.
    `elsewhere` is the number of open orders in other accounts of the login.
    """

    account: str
    orders: list[BrokerOrder]
    positions: list[BrokerPosition]
    executions: list[BrokerExecution]
    at_ns: int
    elsewhere: int = 0

    @property
    def open_orders(self) -> list[BrokerOrder]:
        """Return the orders that can still fill."""
        return [one for one in self.orders if one.is_open]

    def position(self, local_symbol: str) -> Decimal:
        """Return the signed contracts held of `MESZ6`; 0 without any."""
        held = [one.quantity for one in self.positions if one.local_symbol == local_symbol]
        return sum(held, Decimal(0))


class BrokerQuote(msgspec.Struct, frozen=True, kw_only=True):
    """The last quote of a contract, and the seconds since the gateway last sent anything of it.

    `age` is None, and so are the prices, before the first quote.
    """

    local_symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    age: float | None


class BrokerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the broker said by itself: a code such as 1100, or 0 for a lost connection.

    `order_id` is the order that it is about, None without one.
    """

    code: int
    text: str
    at_ns: int
    order_id: int | None = None
