"""Download file parts concurrently. No file is bought twice; a short file gets no final name."""

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
from qe_plugins.data.databento.disk_space import FreeSpace, disk_full, is_full, writing
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
    client: DatabentoClient,
    store: ManifestStore,
    budget: Budget,
    file_part: FilePart,
    dollars: Decimal,
    partial: Path,
) -> CompleteFile:
    """Stream `file_part` into the file `partial` and return it verified.

    Raises DataError where the vendor rejects the request, the connection is cut too often, or the
    budget is used up.
    """
    attempts = _Attempts(client, store, budget, file_part, dollars, partial)
    try:
        return retrying(client.sleep)(attempts.next)
    except VendorError as error:
        raise client.refusal(error, file_part.path) from None


class _Attempts:
    """The attempts at one file; every billed one after the first is charged to the budget."""

    def __init__(
        self,
        client: DatabentoClient,
        store: ManifestStore,
        budget: Budget,
        file_part: FilePart,
        dollars: Decimal,
        partial: Path,
    ) -> None:
        self._client, self._store, self._budget = client, store, budget
        self._file_part, self._dollars, self._partial = file_part, dollars, partial
        self._billed = False

    def next(self) -> CompleteFile:
        """Charge, stream and verify: one attempt. Raises CutError or the vendor's error."""
        again = self._billed
        self._partial.unlink(missing_ok=True)
        self._budget.charge(self._dollars, self._file_part.path, again=again)
        payment = Payment(path=self._file_part.path, dollars=self._dollars, at=now())
        self._store.open_charge(payment)
        try:
            complete = self._stream()
        except VendorError as error:
            self._close_charge(payment, billed=was_billed(error), again=again)
            if is_full(error):
                raise disk_full(self._partial.parent, self._file_part.path) from error
            raise
        self._store.close_charge(payment, "whole")
        return complete

    def _stream(self) -> CompleteFile:
        with writing(self._partial.parent, self._file_part.path):
            self._client.stream(self._file_part, self._partial)
        try:
            return read_whole(self._partial, self._file_part.path)
        except DataError as error:
            raise CutError(error.message) from error

    def _close_charge(self, payment: Payment, *, billed: bool, again: bool) -> None:
        self._store.close_charge(payment, "cut" if billed else None)
        self._partial.unlink(missing_ok=True)
        if billed:
            self._billed = True
        else:
            self._budget.refund(self._dollars, again=again)


AT_ONCE = 8  # concurrent streams; the vendor allows a hundred connections per account
ASIDE = "aside"  # the folder of files with another row count than the vendor's
STALLED = 5.0  # seconds without a byte after which an interrupted run no longer waits
POLL = 0.2  # seconds between two measurements of progress


class FileJob(msgspec.Struct, frozen=True):
    """A file part to download, its quote, and the degraded days of the request."""

    file_part: FilePart
    quote: Quote
    conditions: dict[date, str]


class DownloadProgress(msgspec.Struct, frozen=True):
    """Progress: `files` and billable `bytes` done; `received` counts bytes on the disk."""

    files: int
    bytes: int
    received: int


class Downloader:
    """Downloads file parts into a dataset's folder, within a budget."""

    def __init__(
        self, client: DatabentoClient, store: ManifestStore, budget: Budget, batch_threshold: int
    ) -> None:
        self.client, self.store, self.budget = client, store, budget
        self.batch_threshold = batch_threshold
        self._streams = 0
        self._room = FreeSpace(store.folder)

    def download(self, jobs: Sequence[FileJob], watch: Callable[[DownloadProgress], None]) -> None:
        """Run every job; `watch` is called with the progress about five times a second.

        Disk space for all of them is checked before the first. After a failure or an interruption,
        running streams are finished, since they are paid for, and no other is started. A second
        interruption ends the process. Raises the first failure.
        """
        self._room.check(sum(one.quote.bytes for one in jobs), str(self.store.folder))
        done: list[FileJob] = []
        pool = ThreadPoolExecutor(AT_ONCE)
        pending = {pool.submit(self._download_one, job): job for job in jobs}
        try:
            while pending:
                for future in wait_for(pending, POLL, FIRST_EXCEPTION).done:
                    future.result()
                    done.append(pending.pop(future))
                watch(self._measure_progress(done, pending.values()))
        except BaseException as error:
            self._finish_running(
                pool, list(pending), done, interrupted=isinstance(error, KeyboardInterrupt)
            )
            raise
        pool.shutdown()

    def _finish_running(
        self,
        pool: ThreadPoolExecutor,
        pending: Sequence[Future[None]],
        done: Sequence[FileJob],
        *,
        interrupted: bool,
    ) -> None:
        """Wait for running streams, and start no other job."""
        pool.shutdown(wait=False, cancel_futures=True)
        self.client.stopping.set()
        running = [one for one in pending if not one.done()]
        if interrupted and running:
            _write_stderr(
                f"{len(running)} files are in transfer and paid for; Ctrl-C again cuts them."
            )
        last, still = -1, 0.0
        try:
            while running := list(wait_for(running, POLL).not_done):
                came = sum(_size_of(path) for path in self.store.folder.rglob("*.part"))
                still = 0.0 if came != last else still + POLL
                last = came
                if interrupted and still > STALLED:
                    _exit_now(len(running))
        except KeyboardInterrupt:
            _exit_now(len(running))

    def _download_one(self, job: FileJob) -> None:
        if self.client.stopping.is_set():
            return
        path = self.store.path(job.file_part.path)
        partial = partial_path(path)
        source = "batch" if job.quote.bytes > self.batch_threshold else "stream"
        with writing(path.parent, job.file_part.path):
            path.parent.mkdir(parents=True, exist_ok=True)
            complete = completed_file(path, job.quote.rows) or completed_file(
                partial, job.quote.rows
            )
        if complete is None:
            fetch = fetch_job if source == "batch" else fetch_stream
            with self._room.reserve(job.quote.bytes, job.file_part.path):
                price = job.quote.dollars
                complete = fetch(
                    self.client, self.store, self.budget, job.file_part, price, partial
                )
        self._accept(job, complete)
        if complete.path == partial:
            os.replace(partial, path)
        self.store.add_file(_entry(job, complete, source))

    def _accept(self, job: FileJob, complete: CompleteFile) -> None:
        """Raise DataError unless the file has as many rows as the vendor counts.

        Such a file is quarantined and recorded: it was paid for, and downloading it again would
        pay for the same rows again.
        """
        if complete.rows == job.quote.rows:
            return
        name = job.file_part.path
        count = self.client.rows(job.file_part)
        if complete.rows == count:  # the vendor corrected it since the quote
            return
        kept = f"{ASIDE}/{name}.kept"
        place = self.store.path(kept)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(complete.path, place)
        quarantined = QuarantinedFile(
            path=name, kept=kept, rows=complete.rows, counted=count, since=now()
        )
        self.store.quarantine(quarantined)
        raise DataError(
            f"came with {complete.rows:,} rows, and Databento counts {count:,}: it is kept aside "
            f"as {kept} and not bought again.",
            where=name,
            hint=f"Ask support@databento.com; 'qe data remove {name}' lets it be bought again.",
        )

    def _measure_progress(
        self, done: Sequence[FileJob], running: Iterable[FileJob]
    ) -> DownloadProgress:
        places = [self.store.path(one.file_part.path) for one in (*done, *running)]
        return DownloadProgress(
            files=len(done),
            bytes=sum(one.quote.bytes for one in done),
            received=sum(_size_of(place) or _size_of(partial_path(place)) for place in places),
        )


def partial_path(path: Path) -> Path:
    """Return the path of a file while it is downloaded."""
    return path.with_name(f"{path.name}.part")


def completed_file(path: Path, rows: int) -> CompleteFile | None:
    """Return a complete file that a killed run paid for but did not record; None without one."""
    if not path.exists():
        return None
    try:
        complete = read_whole(path, path.name)
    except DataError:
        return None
    return complete if complete.rows == rows else None


def _entry(job: FileJob, complete: CompleteFile, source: str) -> FileEntry:
    file_part = job.file_part
    within = {d: c for d, c in job.conditions.items() if file_part.start <= d < file_part.end}
    return msgspec.convert(
        {
            "path": file_part.path,
            "schema": file_part.schema,
            "symbol": file_part.symbol,
            "stype_in": file_part.stype_in,
            "start": file_part.start,
            "end": file_part.end,
            "rows": complete.rows,
            "size": complete.size,
            "sha256": complete.sha256,
            "got": now(),
            "source": source,
            "dollars": job.quote.dollars,
            "conditions": {day.isoformat(): what for day, what in within.items()},
        },
        FileEntry,
    )


def _write_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _exit_now(cut: int) -> NoReturn:
    """End the process as a kill would; the manifest lists what was paid for and is incomplete.

    Threads that wait for the vendor cannot be ended otherwise.
    """
    _write_stderr(
        f"interrupted: {cut} files were cut, and may be billed; run the command again to go on"
    )
    os._exit(STOPPED)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
