"""What goes wrong, and for how long. A gateway without a fault has the defaults of every field."""

from __future__ import annotations

from typing import Literal

import msgspec

from qe_plugins.testing.tws.habits import Habit

NOTICES = {
    399: "Order Message:\nYour order will not be placed at the exchange until 2026-11-30 17:00:00 "
    "US/Central.",  # without the word Warning, rc7's adapter takes it for a rejection
    10349: "Order TIF was set to GTC based on order preset.",
    2109: "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the "
    "order type and destination. PlaceOrder is now being processed.",
    404: "Order held while securities are located.",
    10311: "This order will be directly routed to CME. Direct routed orders may result in higher "
    "trade fees.",
    2161: "This order might be subject to a price cap.",
    110: "The price does not conform to the minimum price variation for this contract.",
    201: "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED "
    "POSITION YOUR EQUITY WITH LOAN VALUE [900.00 USD] MUST EXCEED THE INITIAL MARGIN "
    "[2640.00 USD]",
    103: "Duplicate order id",
    1100: "Connectivity between IBKR and Trader Workstation has been lost.",
    1101: "Connectivity between IBKR and Trader Workstation has been restored- data lost. ",
    1102: "Connectivity between IBKR and Trader Workstation has been restored- data maintained. "
    "All data farms are connected: usfuture; ushmds; secdefil.",
    2103: "Market data farm connection is broken:usfuture",
    2104: "Market data farm connection is OK:usfuture",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored "
    "automatically.",
    2158: "Sec-def data farm connection is OK:secdefil",
    10167: "Requested market data is not subscribed. Displaying delayed market data.",
    10197: "No market data during competing live session",
    354: "Requested market data is not subscribed.",
    200: "No security definition has been found for the request",
    504: "Not connected",
}
"""Texts of notices and errors, by code."""

Timing = Literal["before", "after"]


class OrderNotice(msgspec.Struct):
    """A notice about the next `count` orders, before or after the order is acknowledged."""

    code: int
    text: str
    timing: Timing
    count: int


class OrderRejection(msgspec.Struct):
    """An error in place of the acknowledgement of the next `count` orders."""

    code: int
    text: str
    count: int


class Faults(msgspec.Struct):
    """The faults in force. Times are seconds since 1970; 0 means not in force.

    acknowledgements_from   until then, messages about orders are dropped, and queries about orders,
                            executions and positions are not answered
    mute_until              until then nothing is sent; what was, is sent afterwards unless dropped
    is_connected            False between 1100 and 1101 or 1102
    farm_is_up              False between 2103 and 2104
    is_logged_in            False if connections are accepted and never answered
    slowness                seconds by which every message is late
    next_id_after           seconds from a client's start to its next order id
    """

    notices: list[OrderNotice] = msgspec.field(default_factory=list)
    rejections: list[OrderRejection] = msgspec.field(default_factory=list)
    acknowledgements_from: float = 0.0
    mute_until: float = 0.0
    drop_while_mute: bool = False
    is_connected: bool = True
    farm_is_up: bool = True
    is_logged_in: bool = True
    drop_executions: bool = False
    incarnations: bool = False
    commission: Literal["after", "before", "never", "alone"] = "after"
    empty: dict[str, int] = msgspec.field(default_factory=dict)
    unanswered: dict[str, int] = msgspec.field(default_factory=dict)
    taken_ids: set[int] = msgspec.field(default_factory=set)
    delayed_data: bool = False
    repeat_executions: bool = False
    habits: list[Habit] = msgspec.field(default_factory=list)
    next_id_after: float = 0.0
    slowness: float = 0.0

    def take_notices(self, timing: Timing) -> list[OrderNotice]:
        """Return the notices for the order at hand, and count them down."""
        found = [one for one in self.notices if one.timing == timing]
        for one in found:
            one.count -= 1
        self.notices = [one for one in self.notices if one.count > 0]
        return found

    def take_rejection(self) -> OrderRejection | None:
        """Return the rejection for the order at hand, and count it down."""
        if not self.rejections:
            return None
        found = self.rejections[0]
        found.count -= 1
        if found.count <= 0:
            self.rejections.pop(0)
        return found

    def take(self, counts: dict[str, int], request: str) -> bool:
        """Return whether `request` is among `counts`, and count it down."""
        left = counts.get(request, 0)
        if left > 0:
            counts[request] = left - 1
        return left > 0


def text_of(code: int) -> str:
    """Return the usual text of a notice or error."""
    return NOTICES.get(code, f"Notice {code}")
