"""Scans that a worker process has open, each with one client for all its calls."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from filelock import FileLock

from qe_plugins.errors import FleetError
from qe_plugins.fleet.rank_models import providers
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.scan.decisions import ParentRules
from qe_plugins.fleet.scan.lifecycle import Scan
from qe_plugins.llm.client.client import Client
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.providers.registry import import_sdk

IDLE_SCANS = 4
"""Open scans above which unused ones are closed: each has a market and connections."""


class OpenScan:
    """A scan and its client in this process."""

    def __init__(self, scan: Scan, client: Client) -> None:
        self.scan, self.client = scan, client
        self.rules = ParentRules(scan.fleet, scan.requests)
        self.users = 0
        self._lock: FileLock | None = None
        self._locking = asyncio.Lock()

    async def join(self) -> None:
        """Mark this process as a worker of the scan, for a user that begins."""
        async with self._locking:
            if self._lock is None:
                self._lock = await asyncio.to_thread(self.scan.folder.worker_lock)

    async def leave(self) -> None:
        """Remove the mark once the last user has left and all its calls have ended."""
        self.users -= 1
        if not self.users:
            await self.client.drain()
        async with self._locking:
            if not self.users and self._lock is not None:
                self._lock.release()
                self._lock = None


def _load_scan(scan_id: str) -> Scan:
    """Return a scan, with the SDKs of its providers imported here and not on the event loop."""
    try:
        scan, known = lifecycle.reopen(scan_id), price_list()
    except FleetError as error:
        raise FleetError(
            f"does not know the scan: {error}",
            where=f"worker on {socket.gethostname()}",
            hint="It must have the scan's QE_HOME.",
        ) from error
    for name in providers(scan.fleet, known):
        import_sdk(known.provider(name))
    return scan


class OpenScans:
    """Opens scans when they are first used. An async context manager."""

    def __init__(self) -> None:
        self._open: dict[str, OpenScan] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def use(self, scan_id: str) -> AsyncIterator[OpenScan]:
        """Yield a scan. Raises as `lifecycle.reopen` does, and ModelError for a missing key."""
        async with self._opening:
            one = self._open.pop(scan_id, None) or await self._open_scan(scan_id)
            self._open[scan_id] = one  # the last used is the last in order
            one.users += 1
            await self._close_idle()
        try:
            await one.join()
            yield one
        finally:
            leaving = asyncio.create_task(
                one.leave()
            )  # calls without a waiting user may still be in flight
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _open_scan(self, scan_id: str) -> OpenScan:
        scan = await asyncio.to_thread(_load_scan, scan_id)
        return OpenScan(scan, lifecycle.open_client(scan, shared=True))

    async def _close_idle(self) -> None:
        idle = [name for name, one in self._open.items() if not one.users]
        for name in idle[: max(0, len(self._open) - IDLE_SCANS)]:
            await self._open.pop(name).client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._open.values():
            await one.client.aclose()
        await asyncio.gather(*self._leaving)
