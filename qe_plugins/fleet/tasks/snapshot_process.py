"""The market of a large fleet, read by a process of its own while this one gets ready.

Reading a tape leaves some 200 MB behind, about what 6,000 calls in flight need: the other process
takes them with it. Nothing heavy is imported here, so that it starts before all else.
"""

from __future__ import annotations

import importlib
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from qe_plugins.child_processes import end_with_parent
from qe_plugins.config.schema import DataSettings
from qe_plugins.errors import DataError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.rank_models import providers, refuse_missing_keys, served
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, tree_of
from qe_plugins.llm.pricing.price_list import price_list

if TYPE_CHECKING:
    from qe_plugins.fleet.tasks.snapshot import MarketSnapshot


LARGE = 1_000
"""Nodes from which memory matters more than the seconds that another process takes to start."""

_held: list[MarketSnapshot] = []  # in the other process: what it has read


class SnapshotReader:
    """Another process that reads what a fleet's `data:` names."""

    def __init__(self, loaded: LoadedFleet) -> None:
        self._loaded = loaded
        spawned = get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=spawned, initializer=_as_a_child)
        self._reading = self._pool.submit(_read, loaded.fleet.data, loaded.data_places())

    def save(self, folder: Path) -> None:
        """Wait until all is read, and have it written into a folder.

        Raises DataError as `open_market` does, and where the process has died.
        """
        try:
            with self._pool:
                try:
                    self._reading.result()
                    self._pool.submit(_write, folder).result()
                except KeyboardInterrupt:
                    self._kill()  # else leaving would wait until all is read
                    raise
        except BrokenProcessPool as error:
            raise DataError(
                "the process that reads the tape has died.",
                where=self._loaded.where("data"),
                hint="Look whether there was memory enough.",
            ) from error

    def _kill(self) -> None:
        for process in list((self._pool._processes or {}).values()):
            process.kill()


def reader(loaded: LoadedFleet) -> SnapshotReader | None:
    """Start to read the market of a large fleet; return None for a small one.

    Raises ModelError where a key is missing: then nothing is to be read.
    """
    if tree_of(loaded.fleet).size <= LARGE:
        return None
    refuse_missing_keys(loaded.fleet)
    return SnapshotReader(loaded)


def import_sdk(fleet: Fleet) -> None:
    """Import the SDK of the workers' provider while there is something else to wait for."""
    known = price_list()
    name = served(fleet, Level.WORKER, known)[0]
    importlib.import_module(f"qe_plugins.llm.{known.provider(name).sdk}")


def import_others(fleet: Fleet) -> None:
    """Start to import the SDKs of the ranks above, which are asked later, in a thread.

    One takes two seconds of the processor, which no worker may wait for; the end of the process
    does not wait for it either.
    """
    known = price_list()
    first = served(fleet, Level.WORKER, known)[0]
    for name in sorted(providers(fleet, known) - {first}):
        module = f"qe_plugins.llm.{known.provider(name).sdk}"
        if module not in sys.modules:
            Thread(target=importlib.import_module, args=(module,), daemon=True).start()


def _as_a_child() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the one that runs the scan."""
    end_with_parent()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def _read(data: DataSettings, where: dict[str, str]) -> None:
    from qe_plugins.fleet.tasks.snapshot_loader import market_of

    _held[:] = [market_of(data, where)]


def _write(folder: Path) -> None:
    _held[0].save(folder)
