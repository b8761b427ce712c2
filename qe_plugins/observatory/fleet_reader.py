"""What pages read of the fleet: scans, one scan, one node, costs, messages, postures.

Nothing is created by reading: without a ledger or a bus there is nothing to show. Scans that are
opened for their requests are kept, since that takes a tenth of a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import FleetError
from qe_plugins.fleet.messaging.outbox import Message, Outbox
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.inspect import node_view
from qe_plugins.fleet.scan.outcome import ScanResult
from qe_plugins.fleet.scan.progress import ScanNow, ScanState, progress, state_of
from qe_plugins.journal.activity.changes import DatabaseVersion, SqliteVersion
from qe_plugins.llm.ledger import CostRow, Ledger
from qe_plugins.wall_clock import now

MOST_SCANS = 50
MOST_MESSAGES = 40
ZERO = Decimal(0)


class ListedScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan in the list. `usd` is its cost so far; `problem` is why its files cannot be read."""

    scan_id: str
    started: datetime | None
    state: ScanState | None
    result: ScanResult | None
    usd: Decimal
    problem: str | None = None


class BudgetRow(msgspec.Struct, frozen=True):
    """A budget: what it is of, what was spent of it, and its limit in USD, None where none is set.

    `share` is the part that is spent, None without a limit.
    """

    name: str
    spent: Decimal
    limit: Decimal | None

    @property
    def share(self) -> float | None:
        """Return how much of the limit is spent, 1 for all of it."""
        return float(self.spent / self.limit) if self.limit else None


class FleetReader:
    """Reads the fleet's files and its ledger. For any thread, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ledger: Ledger | None = None
        self._versions: dict[str, DatabaseVersion] = {}
        self._reopened = lru_cache(maxsize=4)(lifecycle.reopen)

    def scans(self) -> tuple[list[ListedScan], int]:
        """Return the newest scans, newest first, and how many older ones there are."""
        ids = store.scans()[::-1]
        spent = {row.group: row.usd for row in self.costs("scan")}
        return [_listed(one, spent) for one in ids[:MOST_SCANS]], max(len(ids) - MOST_SCANS, 0)

    def progress(self, text: str) -> ScanNow:
        """Return a scan as it stands. Raises FleetError for an unknown or unreadable one."""
        scan_id, folder = store.find(text)
        return self._with_ledger(lambda ledger: progress(scan_id, folder, ledger))

    def node(self, text: str, node: str) -> dict[str, Any]:
        """Return what `qe fleet show SCAN NODE --json` prints. Raises FleetError."""
        scan_id, _ = store.find(text)
        with self._lock:
            return node_view(self._reopened(scan_id), node)

    def warm(self, scan_id: str) -> None:
        """Open a scan on a thread of its own, so that its first node is shown at once."""
        threading.Thread(target=self._warm, args=(scan_id,), name="qe-scan", daemon=True).start()

    def _warm(self, scan_id: str) -> None:
        with self._lock:
            try:
                self._reopened(scan_id)
            except FleetError:
                return  # the page of a node says why

    def costs(self, by: str, scan: str | None = None) -> list[CostRow]:
        """Return what calls cost, none where there is no ledger yet."""
        if not _has_ledger():
            return []
        return self._with_ledger(lambda ledger: ledger.costs(by, scan))

    def budgets(self, text: str) -> list[BudgetRow]:
        """Return what was spent of each budget of a scan's fleet. Raises FleetError."""
        scan_id, folder = store.find(text)
        budgets = lifecycle.fleet_of(scan_id, folder.description()).budgets
        today = f"{now():%Y-%m-%d}"
        spent = {row.group: row.usd for row in self.costs("rank", scan_id)}
        days = {row.group: row.usd for row in self.costs("day")}
        found = [BudgetRow(f"day {today} (UTC), all scans", days.get(today, ZERO), budgets.day)]
        found += [BudgetRow("this scan", sum(spent.values(), ZERO), budgets.scan)]
        found += [
            BudgetRow(f"rank {rank} of this scan", spent.get(rank, ZERO), limit)
            for rank, limit in budgets.ranks.items()
        ]
        return found

    def messages(self, scan: str | None = None) -> list[Message]:
        """Return the newest messages of the bus, newest first."""
        file = _bus_file()
        if not file.exists():
            return []
        with Outbox() as bus:
            last = bus.last()
            after = 0 if scan else max(last - MOST_MESSAGES, 0)
            return bus.read(after, scan=scan)[::-1][:MOST_MESSAGES]

    def version(self, *names: str) -> str:
        """Return a text that is another one after each commit to the ledger or the bus."""
        files = {"ledger": state_dir.state_dir() / "ledger.sqlite", "bus": _bus_file()}
        with self._lock:
            for name in names:
                self._versions.setdefault(name, SqliteVersion(files[name]))
            return str([self._versions[name].read() for name in names])

    def close(self) -> None:
        """Close the ledger."""
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
            for version in self._versions.values():
                version.close()
            self._ledger, self._versions = None, {}

    def _with_ledger[T](self, use: Callable[[Ledger], T]) -> T:
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger()
            return use(self._ledger)


def _listed(scan_id: str, spent: dict[str, Decimal]) -> ListedScan:
    folder = store.find(scan_id)[1]
    usd = spent.get(scan_id, ZERO)
    try:
        result = folder.result()
        return ListedScan(
            scan_id=scan_id,
            started=folder.description().started,
            state=state_of(folder),
            result=result,
            usd=result.usd if result else usd,
        )
    except FleetError as error:
        return ListedScan(
            scan_id=scan_id, started=None, state=None, result=None, usd=usd, problem=str(error)
        )


def _has_ledger() -> bool:
    return bool(state_dir.ledger_url()) or (state_dir.state_dir() / "ledger.sqlite").exists()


def _bus_file() -> Path:
    return state_dir.state_dir() / "fleet" / "bus.sqlite"
