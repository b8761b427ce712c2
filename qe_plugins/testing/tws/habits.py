"""What a gateway of another version does with messages: right by the protocol, and different.

A client that relies on the order of messages, on each coming once or on a field being set works
with one version and fails with the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from qe_plugins.testing.tws.exchange.orders import ENDED
from qe_plugins.testing.tws.wire.messages import UNKNOWN, Body

Habit = Literal[
    "status_first", "repeated_status", "late_perm_ids", "repeated_ends", "unknown_messages", "bare"
]
"""What a gateway does differently.

status_first      the status of an order comes before the order itself
repeated_status   every status of an order comes twice
late_perm_ids     an order is first reported as PendingSubmit and without its permanent id
repeated_ends     the end of every answer comes twice
unknown_messages  a message of a number that no client knows comes before the end of every answer
bare              fields without a value are left out, as are margins
"""

ALL: tuple[Habit, ...] = (
    *("status_first", "repeated_status", "late_perm_ids"),
    *("repeated_ends", "unknown_messages", "bare"),
)
ENDS = {"OpenOrdersEnd", "PositionEnd", "ExecutionDetailsEnd", "AccountSummaryEnd"}


class HabitualMessages:
    """Rewrites the messages of one connection by the habits in force."""

    def __init__(self) -> None:
        self._reported: set[int] = set()
        self._held: Body | None = None

    def rewritten(self, habits: list[Habit], name: str, body: Body) -> Iterator[tuple[str, Body]]:
        """Yield what is sent in place of a message."""
        if not habits:
            yield name, body
        elif name == "OpenOrder":
            yield from self._open_order(habits, body)
        elif name == "OrderStatus":
            yield from self._status(habits, body)
        elif name in ENDS:
            if "unknown_messages" in habits:
                yield UNKNOWN, {}
            yield name, body
            if "repeated_ends" in habits:
                yield name, body
        else:
            yield name, body

    def _open_order(self, habits: list[Habit], body: Body) -> Iterator[tuple[str, Body]]:
        order, state = body["order"], body["orderState"]
        if "bare" in habits:
            order = {key: value for key, value in order.items() if value not in ("0", 0, False)}
            state = {"status": state["status"]}
        perm_id = body["order"]["permId"]
        if (
            "late_perm_ids" in habits
            and perm_id not in self._reported
            and state["status"] not in ENDED
        ):
            self._reported.add(perm_id)
            early = {key: value for key, value in order.items() if key != "permId"}
            yield (
                "OpenOrder",
                {**body, "order": early, "orderState": {**state, "status": "PendingSubmit"}},
            )
        body = {**body, "order": order, "orderState": state}
        if "status_first" in habits:
            self._held = body
        else:
            yield "OpenOrder", body

    def _status(self, habits: list[Habit], body: Body) -> Iterator[tuple[str, Body]]:
        if "bare" in habits:
            wanted = {"orderId", "status", "filled", "remaining", "permId", "clientId"}
            body = {key: value for key, value in body.items() if key in wanted or value}
        yield "OrderStatus", body
        if self._held is not None:
            held, self._held = self._held, None
            yield "OpenOrder", held
        if "repeated_status" in habits:
            yield "OrderStatus", body
