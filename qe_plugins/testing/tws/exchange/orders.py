"""One order as the gateway keeps it."""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.testing.tws.exchange.futures import ListedFuture
from qe_plugins.testing.tws.wire.messages import Body

UNSET_PRICE = 1.7976931348623157e308
STOPS = {"STP", "STP LMT", "TRAIL"}
TYPES = {"MKT", "LMT", *STOPS}
ENDED = {"Filled", "Cancelled", "ApiCancelled", "Inactive"}


class GatewayOrder(msgspec.Struct):
    """An order of a client, or of a person in TWS (client id 0, order id 0).

    `fields` is the order as the client sent it, by the names of the protocol. `order_id` is not
    unique: two incarnations of one order share it and differ in `perm_id`.
    """

    order_id: int
    client_id: int
    perm_id: int
    con_id: int
    fields: Body
    placed: float
    status: str = "PendingSubmit"
    filled: int = 0
    value: float = 0.0
    why_held: str = ""
    transmitted: bool = False
    triggered: bool = False
    resting: bool = False
    hidden: bool = False
    completed: float = 0.0
    reason: str = ""
    fills: int = 0

    @property
    def is_buy(self) -> bool:
        return bool(self.fields.get("action") == "BUY")

    @property
    def quantity(self) -> int:
        return round(float(self.fields.get("totalQuantity") or 0))

    @property
    def remaining(self) -> int:
        return max(self.quantity - self.filled, 0)

    @property
    def is_open(self) -> bool:
        return self.transmitted and self.status not in ENDED

    @property
    def type(self) -> str:
        return str(self.fields.get("orderType", ""))

    @property
    def parent_id(self) -> int:
        return int(self.fields.get("parentId", 0))

    @property
    def oca_group(self) -> str:
        return str(self.fields.get("ocaGroup", ""))

    @property
    def outside_regular_hours(self) -> bool:
        return bool(self.fields.get("outsideRth"))

    @property
    def is_day_order(self) -> bool:
        return self.fields.get("tif", "DAY") in ("DAY", "")

    @property
    def average_price(self) -> float:
        return self.value / self.filled if self.filled else 0.0

    @property
    def limit(self) -> float | None:
        return _price(self.fields.get("lmtPrice"))

    @property
    def stop(self) -> float | None:
        """The trigger, or the current one of a trailing stop."""
        name = "trailStopPrice" if self.type == "TRAIL" else "auxPrice"
        return _price(self.fields.get(name))

    def reduce_to(self, quantity: int) -> None:
        """Change the total quantity."""
        self.fields["totalQuantity"] = str(quantity)

    def order(self, account: str) -> Body:
        """Return the order as the gateway echoes it."""
        fields = {name: value for name, value in self.fields.items() if value not in ("", None)}
        fields.pop("transmit", None)
        return {
            "account": account,
            "tif": "DAY",
            **fields,
            "clientId": self.client_id,
            "orderId": self.order_id,
            "permId": self.perm_id,
            "filledQuantity": str(self.filled),
        }

    def open_order(self, future: ListedFuture, account: str, margin: Body) -> Body:
        """Return the message that lists the order as open."""
        return {
            "orderId": self.order_id,
            "contract": future.contract(),
            "order": self.order(account),
            "orderState": {"status": self.status, **margin},
        }

    def completed_order(self, future: ListedFuture, account: str, time: str) -> Body:
        """Return the message that lists the order as completed."""
        size = f"{self.filled}"
        ended = f"Filled Size: {size}" if self.status == "Filled" else f"Cancelled {self.reason}"
        state = {"status": self.status, "completedTime": time, "completedStatus": ended.strip()}
        return {
            "contract": future.contract(),
            "order": self.order(account),
            "orderState": state,
        }

    def order_status(self, last_price: float = 0.0) -> Body:
        """Return the message about the order's state."""
        return {
            "orderId": self.order_id,
            "status": self.status,
            "filled": str(self.filled),
            "remaining": str(self.remaining),
            "avgFillPrice": self.average_price,
            "permId": self.perm_id,
            "parentId": self.parent_id,
            "lastFillPrice": last_price,
            "clientId": self.client_id,
            "whyHeld": self.why_held,
            "mktCapPrice": 0.0,
        }


def _price(value: Any) -> float | None:
    if value in (None, "") or float(value) >= UNSET_PRICE:
        return None
    return float(value)
