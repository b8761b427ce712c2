"""One large file as a batch job: submitted and billed once, downloaded for nothing."""

from __future__ import annotations

import os
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

from qe_plugins import state_dir
from qe_plugins.data.databento.budget import Budget
from qe_plugins.data.databento.client import DatabentoClient
from qe_plugins.data.databento.disk_space import writing
from qe_plugins.data.databento.manifest import BatchJob, ManifestStore, Payment, now
from qe_plugins.data.databento.partition import FilePart
from qe_plugins.data.databento.retry import VendorError, retrying, was_billed
from qe_plugins.data.dbn.files import CompleteFile, digest, read_whole
from qe_plugins.errors import DataError

POLLS = [1.0, 2.0, 5.0, 10.0]  # seconds between questions whether a job is done; then the last
TRIES = 3


def fetch_job(
    desk: DatabentoClient,
    book: ManifestStore,
    budget: Budget,
    piece: FilePart,
    dollars: Decimal,
    part: Path,
) -> CompleteFile:
    """Order `piece`, wait, and download it into the file `part`; return it, read to its end.

    A run that is killed finds its job in the manifest, or among the account's jobs.
    """
    job_id = _job_id(desk, book, budget, piece, dollars)
    _wait_until_done(desk, job_id, piece)
    folder = state_dir.inside(book.folder / ".jobs", job_id)
    for _ in range(TRIES):
        if (found := _downloaded(desk, job_id, folder, piece)) is not None:
            os.replace(found, part)
            shutil.rmtree(folder)
            return read_whole(part, piece.path)
    raise DataError(
        f"batch job {job_id} came {TRIES} times with another hash than the vendor names.",
        where=piece.path,
        hint="Run the command again: downloading a job costs nothing.",
    )


def _job_id(
    desk: DatabentoClient, book: ManifestStore, budget: Budget, piece: FilePart, dollars: Decimal
) -> str:
    job = book.now.jobs.get(piece.path)
    if job is not None and job.id is not None:
        return job.id
    known = _submitted(desk, piece) if job is not None else None
    if job is None:
        job = BatchJob(path=piece.path, since=now(), dollars=dollars)
        book.order(job)
    job_id = known or _submit(desk, book, budget, piece, dollars)
    book.order(BatchJob(path=piece.path, since=job.since, dollars=dollars, id=job_id))
    return job_id


def _submit(
    desk: DatabentoClient, book: ManifestStore, budget: Budget, piece: FilePart, dollars: Decimal
) -> str:
    """Submit once: when the answer is lost, look among the account's jobs before another try."""
    budget.charge(dollars, piece.path, again=False)
    receipt = Payment(path=piece.path, dollars=dollars, at=now())
    book.pay(receipt)
    tried = False

    def attempt() -> str:
        nonlocal tried
        known = _submitted(desk, piece) if tried else None
        tried = True
        return known or desk.submit(piece)

    try:
        job_id = retrying(desk.sleep)(attempt)
    except VendorError as error:
        if not was_billed(error):
            book.settle(receipt, None)
        raise desk.refusal(error, piece.path) from None
    book.settle(receipt, "whole")
    return job_id


def _submitted(desk: DatabentoClient, piece: FilePart) -> str | None:
    """Return the id of a job of this account that is this very piece."""
    wanted = (desk.dataset, piece.schema, piece.symbol, piece.stype_in, *_days(piece))
    return next((str(job["id"]) for job in desk.jobs() if _what(job) == wanted), None)


def _what(job: dict[str, Any]) -> tuple[str, ...]:
    symbols = job["symbols"]
    named = symbols if isinstance(symbols, str) else ",".join(symbols)
    days = (str(job["start"])[:10], str(job["end"])[:10])
    return (str(job["dataset"]), str(job["schema"]), named, str(job["stype_in"]), *days)


def _days(piece: FilePart) -> tuple[str, str]:
    return piece.start.isoformat(), piece.end.isoformat()


def _wait_until_done(desk: DatabentoClient, job_id: str, piece: FilePart) -> None:
    polls = iter(POLLS)
    while (state := desk.job_state(job_id)) != "done":
        if state == "expired":
            raise DataError(
                f"batch job {job_id} has expired: it can be downloaded for 30 days.",
                where=piece.path,
                hint="Remove it from the 'jobs' of manifest.json to buy the data anew.",
            )
        desk.sleep(next(polls, POLLS[-1]))


def _downloaded(desk: DatabentoClient, job_id: str, folder: Path, piece: FilePart) -> Path | None:
    """Return the job's file, or None where its hash is not as the vendor says: it is removed."""
    files = [one for one in desk.job_files(job_id) if one["filename"].endswith(".dbn.zst")]
    if len(files) != 1:
        raise DataError(
            f"batch job {job_id} has {len(files)} data files, and one was ordered.",
            where=piece.path,
            hint="Look at the job at https://databento.com/portal.",
        )
    found = state_dir.inside(folder, str(files[0]["filename"]))
    with writing(folder, piece.path):
        desk.download(files[0], found)
    if f"sha256:{digest(found)}" == files[0]["hash"]:
        return found
    found.unlink()
    return None
