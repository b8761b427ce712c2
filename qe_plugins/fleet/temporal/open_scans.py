"""The scans that a worker process has open: each with one client, whoever in it asks."""

from __future__ import annotations

import asyncio
import importlib
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

KEPT = 4
"""Scans that stay open though nobody uses them: a market and some connections each."""


class OpenScan:
    """A scan, and the client that all of it in this process asks by."""

    def __init__(self, scan: Scan, client: Client) -> None:
        self.scan, self.client = scan, client
        self.parents = ParentRules(scan.fleet, scan.questions)
        self.users = 0
        self._lock: FileLock | None = None
        self._locking = asyncio.Lock()

    async def join(self) -> None:
        """Say to other processes that this one has calls of the scan; a user has begun."""
        async with self._locking:
            if self._lock is None:
                self._lock = await asyncio.to_thread(self.scan.folder.worked_on)

    async def leave(self) -> None:
        """Say that it has none any more, once the last user is gone and all calls have ended."""
        self.users -= 1
        if not self.users:
            await self.client.drain()
        async with self._locking:
            if not self.users and self._lock is not None:
                self._lock.release()
                self._lock = None


def _read(scan_id: str) -> Scan:
    """Return a scan, with the SDKs imported that its client wants: the loop has other scans."""
    try:
        scan, known = lifecycle.reopen(scan_id), price_list()
    except FleetError as error:
        raise FleetError(
            f"does not know the scan: {error}",
            where=f"worker on {socket.gethostname()}",
            hint="It must have the scan's QE_HOME.",
        ) from error
    for name in providers(scan.fleet, known):
        importlib.import_module(f"qe_plugins.llm.{known.provider(name).sdk}")
    return scan


class OpenScans:
    """Opens scans when they are first used. An async context manager."""

    def __init__(self) -> None:
        self._open: dict[str, OpenScan] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def use(self, scan_id: str) -> AsyncIterator[OpenScan]:
        """Yield a scan. Raises as `scanning.reopen` does, and ModelError where a key is missing."""
        async with self._opening:
            one = self._open.pop(scan_id, None) or await self._opened(scan_id)
            self._open[scan_id] = one  # the last used is the last in order
            one.users += 1
            await self._close_the_oldest()
        try:
            await one.join()
            yield one
        finally:
            leaving = asyncio.create_task(one.leave())  # calls of nobody's go on a while
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _opened(self, scan_id: str) -> OpenScan:
        scan = await asyncio.to_thread(_read, scan_id)
        return OpenScan(scan, lifecycle.client_of(scan, company=True))

    async def _close_the_oldest(self) -> None:
        idle = [name for name, one in self._open.items() if not one.users]
        for name in idle[: max(0, len(self._open) - KEPT)]:
            await self._open.pop(name).client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._open.values():
            await one.client.aclose()
        await asyncio.gather(*self._leaving)
