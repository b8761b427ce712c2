"""Everything the gateway received, and what it sent about orders and connections: the oracle."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import msgspec

from qe_plugins.testing.tws.wire.messages import Body

MOST_SENT = 20_000


class LedgerEntry(msgspec.Struct, frozen=True):
    """One message; `time` in seconds since 1970, `client_id` -1 before the client named itself."""

    number: int
    time: float
    client_id: int
    name: str
    body: Body


class GatewayLedger:
    """The messages of all clients, numbered from 1 in the order of their arrival.

    What was received is kept whole, in `file` too if it is given; of what was sent the newest
    20,000 messages, without market data.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.received: list[LedgerEntry] = []
        self.sent: deque[LedgerEntry] = deque(maxlen=MOST_SENT)
        self._number = 0
        self._file = file.open("a", encoding="utf-8") if file else None

    def receive(self, time: float, client_id: int, name: str, body: Body) -> None:
        """Keep a message of a client."""
        self._number += 1
        entry = LedgerEntry(self._number, time, client_id, name, body)
        self.received.append(entry)
        if self._file:
            self._file.write(json.dumps(msgspec.to_builtins(entry)) + "\n")
            self._file.flush()

    def send(self, time: float, client_id: int, name: str, body: Body) -> None:
        """Keep a message to a client."""
        self._number += 1
        self.sent.append(LedgerEntry(self._number, time, client_id, name, body))

    def requests(self, name: str, client_id: int | None = None) -> list[LedgerEntry]:
        """Return the requests `name`, of one client if it is given."""
        return [
            one for one in self.received if one.name == name and client_id in (None, one.client_id)
        ]

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
