"""Read the market of a large fleet in another process while this one starts up.

Reading market data leaves about 200 MB allocated, as much as 6,000 calls in flight need; they are
freed with the other process. This module imports little, so that it starts before anything else.
"""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Self

from qe_plugins.child_processes import end_with_parent
from qe_plugins.config.schema import DataSettings
from qe_plugins.errors import DataError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.rank_models import provider_and_model, providers, refuse_unusable_providers
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, tree_of
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.providers.registry import import_sdk

if TYPE_CHECKING:
    from qe_plugins.fleet.tasks.snapshot import MarketSnapshot


LARGE = 1_000
"""Nodes above which the memory saved is worth the seconds that another process takes to start."""

_loaded: list[MarketSnapshot] = []  # in the other process: the snapshot it has read


class SnapshotReader:
    """A process that reads a fleet's `data:`."""

    def __init__(self, loaded: LoadedFleet) -> None:
        self._loaded = loaded
        spawned = get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=spawned, initializer=_start_as_child)
        self._reading = self._pool.submit(_read_snapshot, loaded.fleet.data, loaded.data_places())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, whether or not the data has been read: no exit would wait for it."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown()

    def save(self, folder: Path) -> None:
        """Wait until the data is read, and save the snapshot in a folder.

        Raises DataError as `open_market` does, and where the process has died.
        """
        try:
            self._reading.result()
            self._pool.submit(_save_snapshot, folder).result()
        except BrokenProcessPool as error:
            raise DataError(
                "the process that reads the market data has died.",
                where=self._loaded.where("data"),
                hint="Check whether there was enough memory.",
            ) from error


def reader(loaded: LoadedFleet) -> SnapshotReader | None:
    """Start to read the market of a large fleet in another process; return None for a small one.

    Raises ModelError, before anything is read, where a key is missing.
    """
    if tree_of(loaded.fleet).size <= LARGE:
        return None
    refuse_unusable_providers(loaded.fleet)
    return SnapshotReader(loaded)


def import_worker_sdk(fleet: Fleet) -> None:
    """Import the SDK of the workers' provider, while the market is being read."""
    known = price_list()
    name = provider_and_model(fleet, Level.WORKER, known)[0]
    import_sdk(known.provider(name))


def import_other_sdks(fleet: Fleet) -> None:
    """Import the SDKs of the upper ranks, which are called later, in daemon threads.

    An import takes two seconds of processor time, which must delay neither a worker's call nor
    the end of the process.
    """
    known = price_list()
    first = provider_and_model(fleet, Level.WORKER, known)[0]
    for name in sorted(providers(fleet, known) - {first}):
        Thread(target=import_sdk, args=(known.provider(name),), daemon=True).start()


def _start_as_child() -> None:
    """End with the parent, and leave signals such as Ctrl-C to it."""
    end_with_parent()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def _read_snapshot(data: DataSettings, where: dict[str, str]) -> None:
    from qe_plugins.fleet.tasks.snapshot_loader import market_of

    _loaded[:] = [market_of(data, where)]


def _save_snapshot(folder: Path) -> None:
    _loaded[0].save(folder)
