"""One connected client: what it asked for, and how messages get to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.testing.tws.habits import HabitualMessages
from qe_plugins.testing.tws.wire.messages import Body

if TYPE_CHECKING:
    from qe_plugins.testing.tws.gateway import Gateway

MOST_PER_SECOND = 50
MOST_HISTORICAL = 60
HISTORICAL_SECONDS = 600
MOST_VIOLATIONS = 3

MARKET_DATA = {
    *("TickPrice", "TickSize", "TickString", "TickGeneric", "TickByTickData"),
    *("HistoricalDataUpdate", "RealTimeBarTick", "HistoricalData", "PnL", "PnLSingle"),
}
"""Messages that the ledger does not keep."""

ORDER_MESSAGES = {
    *("OpenOrder", "OrderStatus", "ExecutionDetails", "CommissionAndFeesReport", "CompletedOrder"),
}
"""Messages that get lost with an acknowledgement."""

ORDER_QUERIES = {
    *("OpenOrdersRequest", "AllOpenOrdersRequest", "CompletedOrdersRequest", "ExecutionRequest"),
    "PositionsRequest",
}
"""Requests that are not answered while acknowledgements get lost."""


class BarStream(msgspec.Struct):
    """Historical bars that are kept up to date; `sent` is the newest bar's start."""

    con_id: int
    seconds: int
    as_seconds: bool
    sent: int = 0


class ClientSession:
    """The state of one connection. `write` takes a message, `hang_up` ends the connection."""

    def __init__(
        self,
        gateway: Gateway,
        write: Callable[[str, Body], None],
        hang_up: Callable[[], None],
    ) -> None:
        self.gateway = gateway
        self.client_id = -1
        self.is_started = False
        self.is_closed = False
        self.market_data: dict[int, int] = {}
        self.tick_by_tick: dict[int, tuple[int, str]] = {}
        self.real_time_bars: dict[int, BarStream] = {}
        self.streams: dict[int, BarStream] = {}
        self.summaries: dict[int, list[str]] = {}
        self.profits: dict[int, int | None] = {}
        self.wants_account = False
        self.wants_positions = False
        self.binds_orders = False
        self.data_type = 1
        self._write, self._hang_up = write, hang_up
        self._held: list[tuple[str, Body]] = []
        self._times: deque[float] = deque()
        self._historical: deque[float] = deque()
        self._violations = 0
        self._habitual = HabitualMessages()

    def send(self, name: str, **body: object) -> None:
        """Send a message, unless a fault holds it back or loses it."""
        if self.is_closed:
            return
        gateway, faults = self.gateway, self.gateway.faults
        now = gateway.now()
        if name in ORDER_MESSAGES and now < faults.acknowledgements_from:
            return
        if now < faults.mute_until:
            if not faults.drop_while_mute:
                self._held.append((name, body))
            return
        if self._held:
            self.release()
        if faults.slowness:
            gateway.timetable.after(faults.slowness, lambda: self._deliver(name, body))
        else:
            self._deliver(name, body)

    def release(self) -> None:
        """Send what was held back while the gateway was mute."""
        held, self._held = self._held, []
        for name, body in held:
            self._deliver(name, body)

    def error(self, code: int, text: str, req_id: int = -1) -> None:
        """Send an error or a notice, about the request or order `req_id`."""
        milliseconds = int(self.gateway.now() * 1000)
        self.send("ErrorMessage", id=req_id, errorTime=milliseconds, errorCode=code, errorMsg=text)

    def close(self) -> None:
        """End the connection."""
        if not self.is_closed:
            self.is_closed = True
            self._hang_up()

    def is_paced(self) -> bool:
        """Return whether the request may be answered: 50 a second; more cost the connection."""
        now = self.gateway.now()
        self._times.append(now)
        while self._times[0] <= now - 1:
            self._times.popleft()
        if len(self._times) > MOST_PER_SECOND:
            self._violations += 1
            self.error(100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)")
            if self._violations >= MOST_VIOLATIONS:
                self.close()
            return False
        return True

    def is_history_paced(self, now: float) -> bool:
        """Return whether another historical request is allowed: 60 in 10 minutes."""
        self._historical.append(now)
        while self._historical[0] <= now - HISTORICAL_SECONDS:
            self._historical.popleft()
        return len(self._historical) <= MOST_HISTORICAL

    def forget_streams(self) -> None:
        """Drop every market data subscription, as after a 1101."""
        self.market_data.clear()
        self.tick_by_tick.clear()
        self.real_time_bars.clear()
        self.streams.clear()

    def _deliver(self, name: str, body: Body) -> None:
        if name not in MARKET_DATA:
            self.gateway.ledger.send(self.gateway.now(), self.client_id, name, body)
        for one, fields in self._habitual.rewritten(self.gateway.faults.habits, name, body):
            self._write(one, fields)
