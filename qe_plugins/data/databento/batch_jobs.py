"""Large files as batch jobs: each is submitted and billed once; its download is free."""

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

POLLS = [1.0, 2.0, 5.0, 10.0]  # seconds between polls of a job; the last repeats
TRIES = 3


def fetch_job(
    client: DatabentoClient,
    store: ManifestStore,
    budget: Budget,
    file_part: FilePart,
    dollars: Decimal,
    partial: Path,
) -> CompleteFile:
    """Submit a job for `file_part`, wait, download it into `partial`, and return it verified.

    After a kill the next run finds the job in the manifest, or among the account's jobs. Raises
    DataError where the vendor rejects the job, or the file fails its hash each time.
    """
    job_id = _job_id(client, store, budget, file_part, dollars)
    _wait_until_done(client, job_id, file_part)
    folder = state_dir.inside(store.folder / ".jobs", job_id)
    for _ in range(TRIES):
        if (found := _download_file(client, job_id, folder, file_part)) is not None:
            os.replace(found, partial)
            shutil.rmtree(folder)
            return read_whole(partial, file_part.path)
    raise DataError(
        f"batch job {job_id} arrived {TRIES} times with another hash than the vendor states.",
        where=file_part.path,
        hint="Run the command again: downloading a job costs nothing.",
    )


def _job_id(
    client: DatabentoClient,
    store: ManifestStore,
    budget: Budget,
    file_part: FilePart,
    dollars: Decimal,
) -> str:
    job = store.manifest.jobs.get(file_part.path)
    if job is not None and job.id is not None:
        return job.id
    known = _find_job(client, file_part) if job is not None else None
    if job is None:
        job = BatchJob(path=file_part.path, since=now(), dollars=dollars)
        store.add_job(job)
    job_id = known or _submit_once(client, store, budget, file_part, dollars)
    store.add_job(BatchJob(path=file_part.path, since=job.since, dollars=dollars, id=job_id))
    return job_id


def _submit_once(
    client: DatabentoClient,
    store: ManifestStore,
    budget: Budget,
    file_part: FilePart,
    dollars: Decimal,
) -> str:
    """Submit once: after a lost response, search the account's jobs before another attempt."""
    budget.charge(dollars, file_part.path, again=False)
    payment = Payment(path=file_part.path, dollars=dollars, at=now())
    store.open_charge(payment)
    tried = False

    def attempt() -> str:
        nonlocal tried
        known = _find_job(client, file_part) if tried else None
        tried = True
        return known or client.submit(file_part)

    try:
        job_id = retrying(client.sleep)(attempt)
    except VendorError as error:
        if not was_billed(error):
            store.close_charge(payment, None)
        raise client.refusal(error, file_part.path) from None
    store.close_charge(payment, "whole")
    return job_id


def _find_job(client: DatabentoClient, file_part: FilePart) -> str | None:
    """Return the id of the account's job for exactly this file part, None without one."""
    wanted = (
        client.dataset,
        file_part.schema,
        file_part.symbol,
        file_part.stype_in,
        *_iso_days(file_part),
    )
    return next((str(job["id"]) for job in client.jobs() if _job_identity(job) == wanted), None)


def _job_identity(job: dict[str, Any]) -> tuple[str, ...]:
    symbols = job["symbols"]
    named = symbols if isinstance(symbols, str) else ",".join(symbols)
    days = (str(job["start"])[:10], str(job["end"])[:10])
    return (str(job["dataset"]), str(job["schema"]), named, str(job["stype_in"]), *days)


def _iso_days(file_part: FilePart) -> tuple[str, str]:
    return file_part.start.isoformat(), file_part.end.isoformat()


def _wait_until_done(client: DatabentoClient, job_id: str, file_part: FilePart) -> None:
    polls = iter(POLLS)
    while (state := client.job_state(job_id)) != "done":
        if state == "expired":
            raise DataError(
                f"batch job {job_id} has expired: it can be downloaded for 30 days.",
                where=file_part.path,
                hint="Remove it from the 'jobs' of manifest.json to buy the data again.",
            )
        client.sleep(next(polls, POLLS[-1]))


def _download_file(
    client: DatabentoClient, job_id: str, folder: Path, file_part: FilePart
) -> Path | None:
    """Return the job's file. Where its hash is not the vendor's, remove it and return None."""
    files = [one for one in client.job_files(job_id) if one["filename"].endswith(".dbn.zst")]
    if len(files) != 1:
        raise DataError(
            f"batch job {job_id} has {len(files)} data files, but one was requested.",
            where=file_part.path,
            hint="Look at the job at https://databento.com/portal.",
        )
    found = state_dir.inside(folder, str(files[0]["filename"]))
    with writing(folder, file_part.path):
        client.download(files[0], found)
    if f"sha256:{digest(found)}" == files[0]["hash"]:
        return found
    found.unlink()
    return None
