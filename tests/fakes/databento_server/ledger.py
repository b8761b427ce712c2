"""The fake vendor's log: every request, its status, bytes and cost."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

DOLLARS_PER_BYTE = 70 / 2**30


@dataclass(frozen=True)
class Served:
    """One answered request. `bytes` are billable; `whole` says that the last byte was sent."""

    endpoint: str
    status: int
    fields: dict[str, str]
    rows: int = 0
    bytes: int = 0
    whole: bool = True

    @property
    def dollars(self) -> float:
        """Return what the customer pays for it."""
        return self.bytes * DOLLARS_PER_BYTE

    @property
    def what(self) -> str:
        """Return what was bought, in one line."""
        names = ("schema", "symbols", "stype_in", "start", "end")
        return " ".join(self.fields.get(name, "") for name in names)


@dataclass
class Ledger:
    """Every request in the order in which it ended."""

    entries: list[Served] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, entry: Served) -> None:
        with self._lock:
            self.entries.append(entry)

    def of(self, endpoint: str) -> list[Served]:
        """Return the entries of `endpoint`, oldest first."""
        with self._lock:
            return [entry for entry in self.entries if entry.endpoint == endpoint]

    def streams(self) -> list[Served]:
        """Return the entries of streams that were billed."""
        return [entry for entry in self.of("timeseries.get_range") if entry.bytes]

    def times_sold(self) -> Counter[str]:
        """Return how often each file was sold, whole or cut."""
        return Counter(entry.what for entry in self.streams())

    def statuses(self) -> Counter[int]:
        """Return how often each HTTP status was answered."""
        with self._lock:
            return Counter(entry.status for entry in self.entries)
