"""A node's book and a truth loop against a gateway on a stepped clock, without sockets.

The gateway is the simulated TWS's own. `ModelNode` keeps a book as Nautilus 2.0.0rc7 was seen to:
it takes a 399 before the acknowledgement for a rejection, never heals a rejected order, books a
position that it cannot explain after 10 s, and drops working orders that the broker does not list
after 5 s. `World` runs both, carries actions out and checks the invariant at every step.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from qe_plugins.engine.reconciliation.actions import (
    AdoptOrder,
    BeginAgain,
    CancelOrder,
    ClosePosition,
    HaltTrading,
    PlaceStop,
    RaiseAlarm,
)
from qe_plugins.engine.reconciliation.answers import BrokerAnswer, Known, Unknown
from qe_plugins.engine.reconciliation.book import BookOrder, BookState, OwnBook
from qe_plugins.engine.reconciliation.comparison import BookScope
from qe_plugins.engine.reconciliation.protection import stops_of
from qe_plugins.engine.reconciliation.truth import TruthLoop
from qe_plugins.engine.reconciliation.truth_settings import TruthSettings
from qe_plugins.ib_client.records import (
    BrokerExecution,
    BrokerOrder,
    BrokerPosition,
    BrokerSnapshot,
)
from qe_plugins.testing.tws.controls import Controls
from tests.testing.tws.clients import MES, PlainClient, SteppedGateway
from tests.testing.tws.test_connection import OnlyGateway

CONTRACT, ACCOUNT = "MESZ6", "DU1234567"
EXEC_ID, LOOK_ID = 21, 41
SECOND = 1_000_000_000
STEP = 0.25
HARMLESS = {202, 10349, 2109, 404, 10311, 2161, 10147, 10148}


def number(text: object) -> Decimal:
    return Decimal(str(text or 0)).normalize() + 0


class LookClient:
    """A second client of the gateway, which answers with a snapshot or with why it cannot."""

    def __init__(self, gateway: SteppedGateway) -> None:
        self.gateway = gateway
        self.client = PlainClient(gateway, LOOK_ID)

    def look(self) -> BrokerAnswer[BrokerSnapshot]:
        gateway = self.gateway
        at = int(gateway.now() * SECOND)
        if not gateway.faults.is_connected:
            return Unknown("the gateway lost IB (1100)", at)
        if self.client.session.is_closed or self.client.session not in gateway.sessions:
            self.client = PlainClient(gateway, LOOK_ID)
        answers = [
            *self.client.ask("AllOpenOrdersRequest"),
            *self.client.ask("PositionsRequest"),
            *self.client.ask("ExecutionRequest", reqId=9),
        ]
        self.client.messages.clear()
        kinds = {name for name, _ in answers}
        if not {"OpenOrdersEnd", "PositionEnd", "ExecutionDetailsEnd"} <= kinds:
            return Unknown("the broker did not answer", at)
        orders = [_order(body) for name, body in answers if name == "OpenOrder"]
        held = [_position(body) for name, body in answers if name == "Position"]
        snapshot = BrokerSnapshot(
            account=ACCOUNT,
            orders=list({one.perm_id: one for one in orders}.values()),
            positions=[one for one in held if one.quantity],
            executions=[_execution(b) for name, b in answers if name == "ExecutionDetails"],
            at_ns=at,
        )
        return Known(snapshot, at)


class ModelNode:
    """Our book as the engine keeps it, and the strategy's brackets."""

    def __init__(self, gateway: SteppedGateway, run: int = 1) -> None:
        self.gateway, self.run = gateway, run
        self.client = PlainClient(gateway, EXEC_ID)
        self.client.next_id = gateway.next_order_id + 1000 * run
        self.orders: dict[str, BookOrder] = {}
        self.nets: dict[str, Decimal] = {CONTRACT: Decimal(0)}
        self.executions: set[str] = set()
        self.ids: dict[int, str] = {}
        self.unconfirmed: list[str] = []
        self._checked_orders = self._checked_positions = gateway.now()
        self._differs = 0
        self._number = 0
        self.adopt()

    def adopt(self) -> None:
        """Start from what the broker lists, as a node that restarts."""
        for name, body in self.client.ask("AllOpenOrdersRequest"):
            if name == "OpenOrder" and (ref := body["order"].get("orderRef")):
                found = _order(body)
                self.ids[found.order_id] = ref
                self.orders[ref] = BookOrder(
                    ref=ref,
                    contract=CONTRACT,
                    side=found.side,
                    quantity=found.quantity,
                    filled=found.filled,
                    state=BookState.WORKING,
                    trigger=found.stop_price,
                    limit=found.limit_price,
                    is_exit=bool(found.parent_id) or ref.startswith("R-"),
                    since=self.now,
                )
        for name, body in self.client.ask("PositionsRequest"):
            if name == "Position":
                self.nets[CONTRACT] = number(body["position"])
        for name, body in self.client.ask("ExecutionRequest", reqId=1):
            if name == "ExecutionDetails":
                self.executions.add(body["execution"]["execId"])
        self.client.messages.clear()

    @property
    def now(self) -> int:
        return int(self.gateway.now() * SECOND)

    def book(self) -> OwnBook:
        return OwnBook(
            at=self.now,
            orders=dict(self.orders),
            nets=dict(self.nets),
            executions=frozenset(self.executions),
        )

    def read(self) -> None:
        """Take what the gateway has sent."""
        messages, self.client.messages = self.client.messages, []
        for name, body in messages:
            if name == "ErrorMessage":
                self._error(body)
            elif name == "OrderStatus":
                self._status(body)
            elif name == "ExecutionDetails":
                self._fill(body["execution"])
        self._check()

    def bracket(self, quantity: int, stop: float, target: float) -> None:
        self._number += 1
        prefix = f"B-{self.run}-{self._number}"
        size = str(quantity)
        refs = [f"{prefix}-{n}" for n in (1, 2, 3)]
        entry = self.place(refs[0], "BUY", "MKT", size, transmit=False)
        exits: dict[str, Any] = {"parentId": entry, "outsideRth": True}
        self.place(refs[1], "SELL", "STP", size, price=stop, transmit=False, **exits)
        self.place(refs[2], "SELL", "LMT", size, price=target, **exits)

    def place(self, ref: str, side: str, kind: str, size: str, **fields: Any) -> int:
        price = fields.get("price")
        order_id = self.client.next_id + 1
        self.ids[order_id] = ref
        self.orders[ref] = BookOrder(
            ref=ref,
            contract=CONTRACT,
            side="BUY" if side == "BUY" else "SELL",
            quantity=Decimal(size),
            state=BookState.IN_FLIGHT,
            trigger=number(price) if kind == "STP" else None,
            limit=number(price) if kind == "LMT" else None,
            is_exit=bool(fields.get("parentId")) or ref.startswith("R-"),
            since=self.now,
        )
        self.client.place(side, kind, totalQuantity=size, orderRef=ref, **fields)
        return order_id

    def modify_stop(self, price: float) -> None:
        for ref, one in self.orders.items():
            if one.is_stop and one.state is BookState.WORKING:
                order_id = next(n for n, known in self.ids.items() if known == ref)
                found = self.gateway.book.find(EXEC_ID, order_id)
                if found is None:
                    return
                fields = {k: v for k, v in found.fields.items() if k != "auxPrice"}
                kind = {"action": fields.pop("action"), "kind": fields.pop("orderType")}
                self._change(ref, trigger=number(price))
                self.client.place(**kind, price=price, order_id=order_id, **fields)
                return

    def cancel(self, ref: str) -> bool:
        """Cancel an order that the book has as open; return whether it does."""
        known = self.orders.get(ref)
        if known is None or known.state is BookState.ENDED:
            return False
        order_id = next(n for n, one in self.ids.items() if one == ref)
        self._change(ref)
        self.client.ask("CancelOrderRequest", orderId=order_id)
        return True

    def _error(self, body: dict[str, Any]) -> None:
        ref = self.ids.get(body["id"], "")
        known = self.orders.get(ref)
        if known is None or body["errorCode"] in HARMLESS:
            return
        if known.state is BookState.IN_FLIGHT:
            self._change(ref, state=BookState.ENDED, rejected=True)
            self.unconfirmed.append(f"{ref} rejected ({body['errorCode']})")

    def _status(self, body: dict[str, Any]) -> None:
        ref = self.ids.get(body["orderId"], "")
        known = self.orders.get(ref)
        if known is None or known.state is BookState.ENDED:
            return
        if body["status"] in ("Cancelled", "ApiCancelled", "Inactive"):
            self._change(ref, state=BookState.ENDED)
        elif known.state is BookState.IN_FLIGHT and body["status"] != "Filled":
            self._change(ref, state=BookState.WORKING)

    def _fill(self, execution: dict[str, Any]) -> None:
        ref, exec_id = self.ids.get(execution["orderId"], ""), execution["execId"]
        known = self.orders.get(ref)
        if known is None or known.rejected or exec_id in self.executions:
            return
        self.executions.add(exec_id)
        size = number(execution["shares"])
        self.nets[CONTRACT] += size if execution["side"] == "BOT" else -size
        filled = known.filled + size
        done = filled >= known.quantity
        self._change(ref, filled=filled, state=BookState.ENDED if done else BookState.WORKING)

    def _check(self) -> None:
        """Correct the book by the broker's, as the engine's own checks do."""
        gateway = self.gateway
        now = gateway.now()
        if now >= self._checked_orders + 5:
            self._checked_orders = now
            answer = self.client.ask("AllOpenOrdersRequest")
            if any(name == "OpenOrdersEnd" for name, _ in answer):
                listed = {b["order"].get("orderRef") for n, b in answer if n == "OpenOrder"}
                done = {o.fields.get("orderRef") for o in gateway.book.orders if o.completed}
                for ref, one in self.orders.items():
                    ended = one.state is BookState.WORKING and ref not in listed and ref in done
                    if (ended and one.filled == one.quantity) or (
                        ended and not self._has_filled(ref)
                    ):
                        self._change(ref, state=BookState.ENDED)
        if now >= self._checked_positions + 10:
            self._checked_positions = now
            answer = self.client.ask("PositionsRequest")
            if any(name == "PositionEnd" for name, _ in answer):
                held = [number(b["position"]) for n, b in answer if n == "Position"]
                theirs = held[0] if held else Decimal(0)
                self._differs = self._differs + 1 if theirs != self.nets[CONTRACT] else 0
                if self._differs:
                    self.nets[CONTRACT] = theirs
                    self.unconfirmed.append("synthetic fill")
        self.client.messages = [m for m in self.client.messages if m[0] in EVENTS]

    def _has_filled(self, ref: str) -> bool:
        return any(o.filled and o.fields.get("orderRef") == ref for o in self.gateway.book.orders)

    def _change(self, ref: str, **fields: Any) -> None:
        import msgspec

        self.orders[ref] = msgspec.structs.replace(self.orders[ref], since=self.now, **fields)


EVENTS = {"ErrorMessage", "OrderStatus", "ExecutionDetails"}


class World:
    """A gateway, a node and a truth loop; `run` takes a sequence of moves and faults."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state.json"
        self.gateway = SteppedGateway(state=self.state, cash=1e7)
        self.halts: list[str] = []
        self.tells: list[tuple[float, str]] = []
        self.trace: list[str] = []
        self._connect(1)
        self._differs_since: float | None = None
        self._naked_since: float | None = None
        self.resets = 0

    def _connect(self, run: int) -> None:
        self.control = Controls(OnlyGateway(self.gateway))
        self.runs = run
        self._begins_again = False
        self.node = ModelNode(self.gateway, run)
        self.look = LookClient(self.gateway)
        self.truth = TruthLoop(
            BookScope(frozenset({CONTRACT}), EXEC_ID), TruthSettings(), now=self.node.now
        )
        self._told = 0
        self._mute_from: float | None = None

    def do(self, step: str, value: int) -> None:
        """Do one step of a sequence."""
        self.trace.append(f"{self.gateway.now() % 100_000:.2f} {step} {value}")
        control, price = self.control, self.control.price()
        if step == "bracket":
            if not self.halts and not self.truth.degraded.refusal and not self._is_busy():
                self.node.bracket(value, price - 10, price + 15)
        elif step == "modify":
            if not self.truth.degraded.refusal:
                self.node.modify_stop(price + value / 4)
        elif step == "move":
            self.gateway.move(price + value / 4)
        elif step == "manual":
            control.manual_order("BUY" if value % 2 else "SELL")
        elif step == "cancel_as_person":
            for one in self.gateway.book.open_orders()[:1]:
                control.cancel_as_person(one.perm_id)
        elif step == "resume":
            self.halts.clear()
            self.truth.resumed()
            self._differs_since = self._naked_since = None  # what still holds halts again
        elif step == "restart_node":
            self._restart_node()
        elif step == "restart_gateway":
            self._restart_gateway()
        else:
            _trouble(control, step, value)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; check the invariant at every step."""
        for _ in range(int(seconds / STEP)):
            self.gateway.pass_time(STEP)
            self._step()

    def _step(self) -> None:
        if self._begins_again:
            self._restart_node()
        node, truth = self.node, self.truth
        for name, body in self.look.client.messages:
            if name == "ErrorMessage" and body["errorCode"] in (1100, 1101, 1102):
                self._carry_out(truth.event(body["errorCode"], node.now))
        self.look.client.messages.clear()
        node.read()
        for why in node.unconfirmed:
            truth.confirm(why, node.now)
        node.unconfirmed.clear()
        if truth.due(node.now):
            prices = {CONTRACT: number(self.control.price())}
            self._carry_out(truth.take(node.book(), self.look.look(), node.now, prices))
        self._carry_out(truth.tick(node.now))
        self._check()

    def _carry_out(self, actions: list[Any]) -> None:
        for action in actions:
            self.trace.append(f"{self.gateway.now() % 100_000:.2f}   {action}")
            if isinstance(action, HaltTrading):
                self.halts.append(action.reason)
                self.tells.append((self.gateway.now(), action.reason))
            elif isinstance(action, RaiseAlarm):
                self.tells.append((self.gateway.now(), action.text))
            elif isinstance(action, PlaceStop):
                ref = f"R-{self.runs}-{len(self.trace)}"
                size, price = str(int(action.quantity)), float(action.trigger)
                self.node.place(ref, action.side, "STP", size, price=price, outsideRth=True)
            elif isinstance(action, ClosePosition):
                ref = f"R-{self.runs}-{len(self.trace)}"
                side = "SELL" if action.net > 0 else "BUY"
                self.node.place(ref, side, "MKT", str(int(abs(action.net))))
            elif isinstance(action, CancelOrder):
                is_done = self.node.cancel(action.ref)
                if not is_done and not self.control.net():
                    self.look.client.ask("GlobalCancelRequest")
            elif isinstance(action, BeginAgain):
                assert not self.control.net()
                assert not self.gateway.book.open_orders()
                self._begins_again = True  # at the next step: the node ends first
            else:
                assert isinstance(action, AdoptOrder)

    def _check(self) -> None:
        """The invariant: books equal within 15 s or halted; one stop within 5 s or an alarm."""
        now, net = self.gateway.now(), Decimal(self.control.net())
        theirs = {
            str(o.fields.get("orderRef", ""))
            for o in self.gateway.book.open_orders()
            if o.perm_id not in self.truth.adopted  # a person was told, and resumed
        }
        ours = {r for r, o in self.node.orders.items() if o.state is not BookState.ENDED}
        if net == self.node.nets[CONTRACT] and theirs == ours:
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = now
        if self._differs_since is not None and now - self._differs_since > 15:
            assert self.halts, f"not equal for 15 s and not halted:\n{self.story()}"
        if self._is_protected(net):
            self._naked_since = None
        elif self._naked_since is None:
            self._naked_since = now
        if self._naked_since is not None and now - self._naked_since > 5:
            since = self._naked_since
            alarmed = self.halts or [text for at, text in self.tells if at >= since - 15]
            assert alarmed, f"no stop for 5 s and no alarm:\n{self.story()}"

    def _is_protected(self, net: Decimal) -> bool:
        if not net:
            return True
        orders = [_order(self.gateway.open_order(o)) for o in self.gateway.book.open_orders()]
        snapshot = BrokerSnapshot(
            account=ACCOUNT,
            orders=orders,
            positions=[_held(net)],
            executions=[],
            at_ns=self.node.now,
        )
        return len(stops_of(CONTRACT, snapshot, self.node.book()).good) == 1

    def story(self) -> str:
        books = f"broker {self.control.net()}, ours {self.node.nets}, halts {self.halts}"
        return "\n".join([*self.trace[-40:], books, f"{self.truth.degraded.doubts}"])

    def _is_busy(self) -> bool:
        open_orders = [o for o in self.node.orders.values() if o.state is not BookState.ENDED]
        return bool(self.node.nets[CONTRACT] or open_orders)

    def _restart_node(self) -> None:
        faults = self.gateway.faults
        if self.gateway.now() < max(faults.acknowledgements_from, faults.mute_until):
            return  # it would not start: readiness timeout
        if not faults.is_connected or faults.empty or faults.unanswered:
            return
        for client in (self.node.client, self.look.client):
            self.gateway.disconnect(client.session)
        self._connect(self.runs + 1)

    def _restart_gateway(self) -> None:
        self.gateway.pass_time(STEP)
        at = self.gateway.now()
        book, nets, seen = self.node.orders, self.node.nets, self.node.executions
        ids, number_ = self.node.ids, self.node._number
        self.gateway = SteppedGateway(at, state=self.state, cash=1e7)
        self.control = Controls(OnlyGateway(self.gateway))
        client = PlainClient(self.gateway, EXEC_ID)
        client.next_id = max([self.node.client.next_id, self.gateway.next_order_id])
        node = self.node
        node.gateway, node.client = self.gateway, client
        node.orders, node.nets, node.executions = book, nets, seen
        node.ids, node._number = ids, number_
        self.look = LookClient(self.gateway)
        self.truth.confirm("reconnected", node.now)
        for name, body in client.ask("ExecutionRequest", reqId=1):
            if name == "ExecutionDetails":
                node._fill(body["execution"])
        client.messages.clear()


def _trouble(control: Controls, step: str, value: int) -> None:
    if step == "mute":
        control.mute(value * 3, then="drop" if value % 2 else "send")
    elif step == "lose_acknowledgements":
        control.lose_acknowledgements(value * 9)
    elif step == "lose_connectivity":
        control.lose_connectivity(drop_executions=bool(value % 2))
    elif step == "restore_connectivity":
        control.restore_connectivity(data_lost=bool(value % 2))
    elif step == "notice_399":
        control.notice_orders(399, count=value)
    elif step == "reject":
        control.reject_orders(201, count=1)
    elif step == "partial":
        control.fill_at_most(value % 3)
    elif step == "hold_fills":
        control.hold_fills(bool(value % 2))
    elif step == "incarnations":
        control.keep_incarnations(bool(value % 2))
    elif step == "empty":
        control.answer_empty("AllOpenOrdersRequest")
    elif step == "heal":
        control.heal()


MOVES = ("bracket", "modify", "move", "manual", "cancel_as_person")
FAULTS = (
    *("mute", "lose_acknowledgements", "lose_connectivity", "restore_connectivity", "notice_399"),
    *("reject", "partial", "hold_fills", "incarnations", "heal", "restart_node"),
    *("restart_gateway", "resume", "resume", "resume"),
)


def sequence(seed: int) -> list[tuple[str, int, float]]:
    """Return the steps of a seed: what, how much, and the seconds to wait afterwards."""
    draw = random.Random(seed)
    steps: list[tuple[str, int, float]] = []
    for _ in range(draw.randint(4, 14)):
        kind = draw.choices((*MOVES, *FAULTS), (14, 4, 10, 2, 1, *(2 for _ in FAULTS)))[0]
        span = 60 if kind in ("move", "modify") else 5
        value = draw.randint(-span, -8) if kind == "modify" else draw.randint(1, span)
        if kind == "move" and draw.random() < 0.5:
            value = -value
        if kind == "bracket":
            value = draw.randint(1, 2)
        steps.append((kind, value, draw.choice((0.25, 0.5, 1, 2, 5, 12, 25))))
    return steps


def run(seed: int, folder: Path) -> World:
    """Run a seed to its end and 40 s on; raise AssertionError where the invariant breaks."""
    world = World(folder)
    world.pass_time(3)
    assert not world.truth.degraded.refusal, world.story()
    for step, value, wait in sequence(seed):
        world.do(step, value)
        world.pass_time(wait)
    world.pass_time(40)
    return world


def _order(body: dict[str, Any]) -> BrokerOrder:
    order = body["order"]
    kind = order.get("orderType", "")
    trigger, limit = order.get("auxPrice"), order.get("lmtPrice")
    return BrokerOrder(
        perm_id=order["permId"],
        order_id=body["orderId"],
        client_id=order.get("clientId", 0),
        ref=order.get("orderRef", ""),
        account=ACCOUNT,
        con_id=body["contract"]["conId"],
        local_symbol=body["contract"]["localSymbol"],
        side="BUY" if order.get("action") == "BUY" else "SELL",
        kind=kind,
        quantity=number(order.get("totalQuantity")),
        filled=number(order.get("filledQuantity")),
        limit_price=number(limit) if kind == "LMT" else None,
        stop_price=number(trigger) if kind == "STP" else None,
        status=body["orderState"]["status"],
        parent_id=int(order.get("parentId") or 0),
        oca_group=order.get("ocaGroup", ""),
        outside_rth=bool(order.get("outsideRth")),
        time_in_force=order.get("tif", "DAY"),
    )


def _position(body: dict[str, Any]) -> BrokerPosition:
    return _held(number(body["position"]), body["contract"]["localSymbol"])


def _held(net: Decimal, local_symbol: str = CONTRACT) -> BrokerPosition:
    return BrokerPosition(
        account=ACCOUNT,
        con_id=1,
        local_symbol=local_symbol,
        symbol="MES",
        exchange="",
        currency="USD",
        kind="FUT",
        multiplier=Decimal(5),
        quantity=net,
        average_price=Decimal(6500),
    )


def _execution(body: dict[str, Any]) -> BrokerExecution:
    found = body["execution"]
    return BrokerExecution(
        exec_id=found["execId"],
        perm_id=found["permId"],
        order_id=found["orderId"],
        client_id=found["clientId"],
        ref=found.get("orderRef", ""),
        account=ACCOUNT,
        con_id=1,
        local_symbol=body["contract"]["localSymbol"],
        side="BUY" if found["side"] == "BOT" else "SELL",
        quantity=number(found["shares"]),
        price=number(found["price"]),
        time_ns=0,
    )


__all__ = ["MES", "World", "run", "sequence"]
