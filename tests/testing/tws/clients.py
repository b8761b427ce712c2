"""A gateway on a clock that a test steps, and clients without sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from qe_plugins.testing.tws import Gateway, GatewaySettings, SteppedClock, StillPrice
from qe_plugins.testing.tws.sessions import ClientSession
from qe_plugins.testing.tws.wire import messages, text_answers

MES = {"symbol": "MES", "secType": "FUT", "exchange": "CME", "localSymbol": "MESZ6"}
TUESDAY = datetime(2026, 12, 1, 15, 0, tzinfo=UTC).timestamp()
"""09:00 in Chicago, in the regular session."""


class SteppedGateway(Gateway):
    """A gateway whose prices stand still and whose clock a test steps."""

    def __init__(self, start: float = TUESDAY, **settings: Any) -> None:
        self.stepped = SteppedClock(start)
        super().__init__(GatewaySettings(**settings), self.stepped, StillPrice())

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with all that is due."""
        self.timetable.advance(self.stepped, seconds)

    def jump(self, seconds: float) -> None:
        """Let time pass at once; what was due meanwhile happens once, now."""
        self.stepped.time += seconds
        self.timetable.run_due()

    def move(self, price: float) -> None:
        """Trade at a price."""
        self.market.move(price, self.now())
        self.trade()


class PlainClient:
    """A client that keeps what it receives."""

    def __init__(self, gateway: Gateway, client_id: int = 1) -> None:
        self.gateway = gateway
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.hung_up = False
        self.session = ClientSession(gateway, self._keep, self._hang_up)
        self.next_id = client_id * 1000
        gateway.connect(self.session)
        self.ask("StartApiRequest", clientId=client_id)

    def ask(self, name: str, **body: Any) -> list[tuple[str, dict[str, Any]]]:
        """Send a request and return what came in answer."""
        before = len(self.messages)
        self.gateway.receive(self.session, name, body)
        return self.messages[before:]

    def place(self, action: str = "BUY", kind: str = "MKT", **fields: Any) -> int:
        """Place an order and return its id; `price` is its limit or its stop."""
        order_id = fields.pop("order_id", None)
        if order_id is None:
            self.next_id += 1
            order_id = self.next_id
        order = {"action": action, "orderType": kind, "totalQuantity": "1", "tif": "GTC"}
        order["transmit"] = True
        price = fields.pop("price", None)
        if price is not None:
            order["auxPrice" if kind == "STP" else "lmtPrice"] = price
        self.ask("PlaceOrderRequest", orderId=order_id, contract=MES, order=order | fields)
        return int(order_id)

    def bracket(self, stop: float, target: float, quantity: int = 1) -> tuple[int, int, int]:
        """Place a market order with two exits and return their ids."""
        size = str(quantity)
        entry = self.place(transmit=False, totalQuantity=size)
        exits = {"parentId": entry, "outsideRth": True, "totalQuantity": size}
        low = self.place("SELL", "STP", price=stop, transmit=False, **exits)
        return entry, low, self.place("SELL", "LMT", price=target, **exits)

    def got(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the messages of this name with these fields."""
        return [
            body
            for kind, body in self.messages
            if kind == name and all(body.get(k) == v for k, v in fields.items())
        ]

    def errors(self) -> list[int]:
        """Return the codes of errors and notices about requests and orders."""
        return [body["errorCode"] for body in self.got("ErrorMessage") if body["id"] != -1]

    def status(self, order_id: int) -> str:
        """Return the order's newest status."""
        found = self.got("OrderStatus", orderId=order_id)
        return found[-1]["status"] if found else ""

    def _keep(self, name: str, body: dict[str, Any]) -> None:
        """Keep a message, if both dialects can write it."""
        assert messages.encode(name, body)
        for version in (157, 178):
            text_answers.write(name, body, version)
        self.messages.append((name, body))

    def _hang_up(self) -> None:
        self.hung_up = True
