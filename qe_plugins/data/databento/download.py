"""A purchase, file by file: nothing is bought twice, nothing short gets its final name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import msgspec

from qe_plugins.data.databento.batch_jobs import fetch_job
from qe_plugins.data.databento.budget import Budget
from qe_plugins.data.databento.client import DatabentoClient
from qe_plugins.data.databento.disk_space import FreeSpace, full, is_full, writing
from qe_plugins.data.databento.estimate import Quote
from qe_plugins.data.databento.manifest import (
    FileEntry,
    ManifestStore,
    Payment,
    QuarantinedFile,
    now,
)
from qe_plugins.data.databento.partition import FilePart
from qe_plugins.data.databento.retry import CutError, VendorError, retrying, was_billed
from qe_plugins.data.dbn.files import CompleteFile, read_whole
from qe_plugins.errors import DataError
from qe_plugins.stop_signals import STOPPED


def fetch_stream(
    desk: DatabentoClient,
    book: ManifestStore,
    budget: Budget,
    piece: FilePart,
    dollars: Decimal,
    part: Path,
) -> CompleteFile:
    """Buy `piece` into the file `part` and return it, read to its end.

    Raises DataError where the vendor refuses, cuts the line too often, or the budget is used up.
    """
    attempts = _Attempts(desk, book, budget, piece, dollars, part)
    try:
        return retrying(desk.sleep)(attempts.next)
    except VendorError as error:
        raise desk.refusal(error, piece.path) from None


class _Attempts:
    """The attempts at one file; from the second billed one on they need what the budget leaves."""

    def __init__(
        self,
        desk: DatabentoClient,
        book: ManifestStore,
        budget: Budget,
        piece: FilePart,
        dollars: Decimal,
        part: Path,
    ) -> None:
        self._desk, self._book, self._budget = desk, book, budget
        self._piece, self._dollars, self._part = piece, dollars, part
        self._billed = False

    def next(self) -> CompleteFile:
        """Make one attempt."""
        again = self._billed
        self._part.unlink(missing_ok=True)
        self._budget.charge(self._dollars, self._piece.path, again=again)
        receipt = Payment(path=self._piece.path, dollars=self._dollars, at=now())
        self._book.pay(receipt)
        try:
            whole = self._streamed()
        except VendorError as error:
            self._settle(receipt, billed=was_billed(error), again=again)
            if is_full(error):
                raise full(self._part.parent, self._piece.path) from error
            raise
        self._book.settle(receipt, "whole")
        return whole

    def _streamed(self) -> CompleteFile:
        with writing(self._part.parent, self._piece.path):
            self._desk.stream(self._piece, self._part)
        try:
            return read_whole(self._part, self._piece.path)
        except DataError as error:
            raise CutError(error.message) from error

    def _settle(self, receipt: Payment, *, billed: bool, again: bool) -> None:
        self._book.settle(receipt, "cut" if billed else None)
        self._part.unlink(missing_ok=True)
        if billed:
            self._billed = True
        else:
            self._budget.refund(self._dollars, again=again)


AT_ONCE = 8  # streams; the vendor allows a hundred connections a team
ASIDE = "aside"  # the folder of files that are not as counted
STALLED = 5.0  # seconds without a byte, after which an interruption does not wait any longer
LOOK = 0.2  # seconds between two looks at the files that are on their way


class FileJob(msgspec.Struct, frozen=True):
    """A piece to buy, at its price."""

    piece: FilePart
    quote: Quote
    conditions: dict[date, str]


class DownloadProgress(msgspec.Struct, frozen=True):
    """How far a purchase is. `bytes` are billable; `received` is what lies on the disk of both."""

    files: int
    bytes: int
    received: int


class Downloader:
    """Buys orders at a desk into a dataset's folder, within a budget."""

    def __init__(
        self, desk: DatabentoClient, book: ManifestStore, budget: Budget, batch_above: int
    ) -> None:
        self.desk, self.book, self.budget, self.batch_above = desk, book, budget, batch_above
        self._streams = 0
        self._room = FreeSpace(book.folder)

    def buy(self, orders: Sequence[FileJob], watch: Callable[[DownloadProgress], None]) -> None:
        """Buy every order; `watch` hears about five times a second how far it is.

        There must be room for all of them before the first. After a failure, or an interruption,
        streams that are on their way are finished, since they are paid for, and no other is begun.
        A second interruption ends the process. Raises the first failure.
        """
        self._room.check(sum(one.quote.bytes for one in orders), str(self.book.folder))
        done: list[FileJob] = []
        pool = ThreadPoolExecutor(AT_ONCE)
        pending = {pool.submit(self._one, order): order for order in orders}
        try:
            while pending:
                for future in wait_for(pending, LOOK, FIRST_EXCEPTION).done:
                    future.result()
                    done.append(pending.pop(future))
                watch(self._progress(done, pending.values()))
        except BaseException as error:
            self._stop(pool, list(pending), done, interrupted=isinstance(error, KeyboardInterrupt))
            raise
        pool.shutdown()

    def _stop(
        self,
        pool: ThreadPoolExecutor,
        pending: Sequence[Future[None]],
        done: Sequence[FileJob],
        *,
        interrupted: bool,
    ) -> None:
        """Let streams come to their end, and nothing else go on."""
        pool.shutdown(wait=False, cancel_futures=True)
        self.desk.stopping.set()
        running = [one for one in pending if not one.done()]
        if interrupted and running:
            _say(f"{len(running)} files are on their way and paid for; Ctrl-C again cuts them.")
        last, still = -1, 0.0
        try:
            while running := list(wait_for(running, LOOK).not_done):
                came = sum(_size(path) for path in self.book.folder.rglob("*.part"))
                still = 0.0 if came != last else still + LOOK
                last = came
                if interrupted and still > STALLED:
                    _leave(len(running))
        except KeyboardInterrupt:
            _leave(len(running))

    def _one(self, order: FileJob) -> None:
        if self.desk.stopping.is_set():
            return
        path = self.book.path(order.piece.path)
        part = part_of(path)
        source = "batch" if order.quote.bytes > self.batch_above else "stream"
        with writing(path.parent, order.piece.path):
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = adopted(path, order.quote.rows) or adopted(part, order.quote.rows)
        if whole is None:
            fetch = fetch_job if source == "batch" else fetch_stream
            with self._room.taken(order.quote.bytes, order.piece.path):
                price = order.quote.dollars
                whole = fetch(self.desk, self.book, self.budget, order.piece, price, part)
        self._accept(order, whole)
        if whole.path == part:
            os.replace(part, path)
        self.book.enter(_entry(order, whole, source))

    def _accept(self, order: FileJob, whole: CompleteFile) -> None:
        """Raise DataError unless the file has as many rows as the vendor counts.

        It is kept aside then, and written down: it was paid for, and buying it again by itself
        would pay for the same rows again.
        """
        if whole.rows == order.quote.rows:
            return
        name = order.piece.path
        if whole.rows == (count := self.desk.rows(order.piece)):  # it was mended meanwhile
            return
        kept = f"{ASIDE}/{name}.kept"
        place = self.book.path(kept)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(whole.path, place)
        aside = QuarantinedFile(path=name, kept=kept, rows=whole.rows, counted=count, since=now())
        self.book.put_aside(aside)
        raise DataError(
            f"came with {whole.rows:,} rows, and Databento counts {count:,}: it is kept aside as "
            f"{kept} and not bought again.",
            where=name,
            hint=f"Ask support@databento.com; 'qe data remove {name}' lets it be bought again.",
        )

    def _progress(self, done: Sequence[FileJob], running: Iterable[FileJob]) -> DownloadProgress:
        places = [self.book.path(one.piece.path) for one in (*done, *running)]
        return DownloadProgress(
            files=len(done),
            bytes=sum(one.quote.bytes for one in done),
            received=sum(_size(place) or _size(part_of(place)) for place in places),
        )


def part_of(path: Path) -> Path:
    """Return the name of a file that is on its way."""
    return path.with_name(f"{path.name}.part")


def adopted(path: Path, rows: int) -> CompleteFile | None:
    """Return a file that a killed run had paid for and not yet written down, where it is whole."""
    if not path.exists():
        return None
    try:
        whole = read_whole(path, path.name)
    except DataError:
        return None
    return whole if whole.rows == rows else None


def _entry(order: FileJob, whole: CompleteFile, source: str) -> FileEntry:
    piece = order.piece
    within = {d: c for d, c in order.conditions.items() if piece.start <= d < piece.end}
    return msgspec.convert(
        {
            "path": piece.path,
            "schema": piece.schema,
            "symbol": piece.symbol,
            "stype_in": piece.stype_in,
            "start": piece.start,
            "end": piece.end,
            "rows": whole.rows,
            "size": whole.size,
            "sha256": whole.sha256,
            "got": now(),
            "source": source,
            "dollars": order.quote.dollars,
            "conditions": {day.isoformat(): what for day, what in within.items()},
        },
        FileEntry,
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _leave(cut: int) -> NoReturn:
    """End the process, as a kill would: what was paid for and is not whole stands in the manifest.

    Threads that wait for the vendor cannot be ended otherwise.
    """
    _say(f"interrupted: {cut} files were cut, and may be billed; run the command again to go on")
    os._exit(STOPPED)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
