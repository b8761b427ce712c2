"""What a test may do to the gateway: move prices, break things, look at the account.

Each method is a command of the control port too: `{"do": "move", "price": 6490.25}` on a line is
answered by `{"ok": true, "answer": null}` or `{"ok": false, "error": "..."}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from qe_plugins.testing.tws.exchange.orders import GatewayOrder
from qe_plugins.testing.tws.faults import Faults, OrderNotice, OrderRejection, Timing, text_of
from qe_plugins.testing.tws.habits import ALL, Habit
from qe_plugins.testing.tws.ledger import LedgerEntry
from qe_plugins.testing.tws.wire.messages import Body

if TYPE_CHECKING:
    from qe_plugins.testing.tws.server import GatewayServer


class Controls:
    """The commands. All of them run on the gateway's thread."""

    def __init__(self, server: GatewayServer) -> None:
        self._server = server

    @property
    def _gateway(self) -> Any:
        return self._server.gateway

    # prices

    def move(self, price: float) -> None:
        """Trade the front month at `price`; orders that it fills or triggers are filled."""
        self._gateway.market.move(price, self._gateway.now())
        self._gateway.trade()

    def price(self, symbol: str = "MESZ6") -> float:
        """Return the last price of a contract, such as `MESZ6`."""
        return float(self._gateway.mark(self._gateway.futures.named(symbol)))

    def freeze(self) -> None:
        """Stop quotes and bars, as in a silent market."""
        self._gateway.market.frozen = True

    def thaw(self) -> None:
        """Let the market trade again."""
        self._gateway.market.frozen = False

    def contracts(self) -> list[str]:
        """Return the local symbols of the listed contracts."""
        return list(self._gateway.futures.symbols())

    # orders

    def manual_order(
        self,
        action: Literal["BUY", "SELL"],
        quantity: int = 1,
        *,
        symbol: str = "MESZ6",
        kind: str = "MKT",
        price: float | None = None,
    ) -> int:
        """Place an order as a person in TWS does. Return its perm id."""
        gateway = self._gateway
        fields: Body = {"action": action, "orderType": kind}
        fields |= {"totalQuantity": str(quantity), "tif": "GTC", "outsideRth": True}
        if price is not None:
            fields["auxPrice" if kind == "STP" else "lmtPrice"] = price
        order = GatewayOrder(
            order_id=0,
            client_id=0,
            perm_id=gateway.new_perm_id(),
            con_id=gateway.futures.named(symbol).con_id,
            fields=fields,
            placed=gateway.now(),
        )
        gateway.book.add(order, gateway.now())
        return order.perm_id

    def cancel_as_person(self, perm_id: int) -> None:
        """Cancel any order as a person in TWS does. Raises `ValueError` if it is not open."""
        for order in self._gateway.book.open_orders():
            if order.perm_id == perm_id:
                self._gateway.book.cancel(order, self._gateway.now())
                return
        raise ValueError(f"no open order has perm id {perm_id}")

    def hold_fills(self, hold: bool = True) -> None:
        """Keep orders from filling, or let them fill again."""
        self._gateway.book.hold_fills = hold
        if not hold:
            self._gateway.trade(publish=False)

    def fill_at_most(self, contracts: int) -> None:
        """Fill no more than this at once; 0 is without limit."""
        self._gateway.book.most_per_fill = contracts

    # the connection

    def drop_connections(self, client_id: int | None = None) -> None:
        """Cut the sockets of all clients, or of one."""
        self._server.drop(client_id)

    def restart(self, seconds: float = 0.0) -> None:
        """Restart the gateway: sockets cut, down for `seconds`, state read from its file."""
        self._server.restart(seconds)

    def log_out(self) -> None:
        """Be up and not logged in: sockets cut, new ones accepted and never answered."""
        self._gateway.faults.is_logged_in = False
        self._server.drop(None)

    def log_in(self) -> None:
        """Be logged in again."""
        self._gateway.faults.is_logged_in = True
        self._server.drop(None)

    def take_client_id(self, client_id: int, taken: bool = True) -> None:
        """Have another program use a client id, or end it."""
        ids = self._gateway.faults.taken_ids
        (ids.add if taken else ids.discard)(client_id)

    def lose_connectivity(self, *, drop_executions: bool = False) -> None:
        """Send 1100: no data, no news of orders, which go on working at the exchange.

        With `drop_executions` what fills meanwhile is never reported, not even when asked for.
        """
        gateway = self._gateway
        gateway.broadcast(1100)
        gateway.faults.is_connected = False
        gateway.faults.drop_executions = drop_executions

    def restore_connectivity(self, *, data_lost: bool = False) -> None:
        """Send 1102, or 1101 with `data_lost`: then streams stop until they are asked for again."""
        gateway = self._gateway
        gateway.faults.drop_executions = False
        if data_lost:
            for session in gateway.started():
                session.forget_streams()
        gateway.faults.is_connected = True
        gateway.broadcast(1101 if data_lost else 1102)
        gateway.reconnect()

    def break_farm(self) -> None:
        """Send 2103: market data stops, orders work."""
        self._gateway.broadcast(2103)
        self._gateway.faults.farm_is_up = False

    def mend_farm(self) -> None:
        """Send 2104: market data goes on."""
        self._gateway.faults.farm_is_up = True
        self._gateway.broadcast(2104)

    def mute(self, seconds: float, *, then: Literal["send", "drop"] = "send") -> None:
        """Send nothing for `seconds`; what was held back is sent then, or dropped."""
        faults = self._gateway.faults
        faults.mute_until = self._gateway.now() + seconds
        faults.drop_while_mute = then == "drop"

    def be_slow(self, seconds: float) -> None:
        """Send every message so many seconds late."""
        self._gateway.faults.slowness = seconds

    def notice(self, code: int, text: str = "") -> None:
        """Send a notice to all clients."""
        self._gateway.broadcast(code, text)

    # answers

    def notice_orders(
        self, code: int, *, timing: Timing = "before", count: int = 3, text: str = ""
    ) -> None:
        """Send a notice with each of the next `count` orders, before or after they are accepted."""
        notice = OrderNotice(code, text or text_of(code), timing, count)
        self._gateway.faults.notices.append(notice)

    def reject_orders(self, code: int, *, count: int = 1, text: str = "") -> None:
        """Answer the next `count` orders by an error."""
        self._gateway.faults.rejections.append(OrderRejection(code, text or text_of(code), count))

    def lose_acknowledgements(self, seconds: float) -> None:
        """Say nothing about orders for `seconds`, asked or not. They are placed and fill."""
        self._gateway.faults.acknowledgements_from = self._gateway.now() + seconds

    def answer_empty(self, request: str, count: int = 1) -> None:
        """Answer the next requests, such as `PositionsRequest`, as if there were nothing."""
        self._gateway.faults.empty[request] = count

    def leave_unanswered(self, request: str, count: int = 1) -> None:
        """Never answer the next requests, such as `HistoricalDataRequest`."""
        self._gateway.faults.unanswered[request] = count

    def commissions(self, mode: Literal["after", "before", "never", "alone"]) -> None:
        """Send an execution's commission after it, before it, never, or without the execution."""
        self._gateway.faults.commission = mode

    def have_habits(self, *habits: Habit, next_id_after: float = 0.0) -> None:
        """Send messages as another version may: `habits` of `Habit`, all of them without one.

        A client gets its next order id so many seconds after its start.
        """
        self._gateway.faults.habits = list(habits or ALL)
        self._gateway.faults.next_id_after = next_id_after

    def keep_incarnations(self, keep: bool = True) -> None:
        """Keep the old order alive beside every modified one, under a perm id of its own."""
        self._gateway.faults.incarnations = keep

    def repeat_executions(self, repeat: bool = True) -> None:
        """Send a client its executions again whenever it connects."""
        self._gateway.faults.repeat_executions = repeat

    def delay_data(self, delayed: bool = True) -> None:
        """Have no subscription to market data: delayed data only, for those who ask for it."""
        self._gateway.faults.delayed_data = delayed

    def zero_margin(self, zero: bool = True) -> None:
        """Report no margin."""
        self._gateway.account.zero_margin = zero

    def roll_back_order_ids(self) -> None:
        """Begin again at order id 1, as after a reset of the order id sequence."""
        self._gateway.next_order_id = 1
        self._gateway.mark_changed()

    def heal(self) -> None:
        """End all faults, without notices."""
        self._gateway.faults = Faults()
        self._gateway.account.zero_margin = False
        self._gateway.book.hold_fills = False
        self._gateway.book.most_per_fill = 0

    # the oracle

    def time(self) -> float:
        """Return the gateway's time in seconds since 1970."""
        return float(self._gateway.now())

    def clients(self) -> list[int]:
        """Return the ids of the clients that are connected."""
        return [one.client_id for one in self._gateway.started()]

    def net(self, symbol: str = "MESZ6") -> int:
        """Return the signed number of contracts held."""
        return int(self._gateway.account.net(self._gateway.futures.named(symbol).con_id))

    def figures(self) -> dict[str, float]:
        """Return the account's figures by IB's names, in dollars."""
        return dict(self._gateway.account.values(self._gateway.mark))

    def open_orders(self) -> list[Body]:
        """Return the orders that work or wait, those of two incarnations twice."""
        return [_order(one) for one in self._gateway.book.open_orders()]

    def orders(self) -> list[Body]:
        """Return all orders."""
        return [_order(one) for one in self._gateway.book.orders]

    def executions(self) -> list[Body]:
        """Return all executions, those that no client is told about included."""
        return [msgspec.to_builtins(one) for one in self._gateway.account.executions]

    def received(self, name: str = "", client_id: int | None = None) -> list[LedgerEntry]:
        """Return what clients asked, of one name and one client if they are given."""
        ledger = self._gateway.ledger
        return list(ledger.requests(name, client_id) if name else ledger.received)

    def sent(self, name: str = "") -> list[LedgerEntry]:
        """Return what was sent to clients, without market data, of one name if it is given."""
        return [one for one in self._gateway.ledger.sent if name in ("", one.name)]


COMMANDS = sorted(name for name in vars(Controls) if not name.startswith("_"))


def _order(order: GatewayOrder) -> Body:
    return {
        "order_id": order.order_id,
        "client_id": order.client_id,
        "perm_id": order.perm_id,
        "status": order.status,
        "filled": order.filled,
        "quantity": order.quantity,
        "why_held": order.why_held,
        "order_ref": order.fields.get("orderRef", ""),
        "action": order.fields.get("action", ""),
        "type": order.type,
        "limit": order.limit,
        "stop": order.stop,
        "fields": order.fields,
    }
