"""`manifest.json` of a dataset: files, payments, batch jobs. Locked, and replaced atomically."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.data.databento.disk_space import writing
from qe_plugins.errors import DataError
from qe_plugins.safe_text import shown


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A complete file. `path` is relative to the dataset's folder; `size` is bytes on the disk.

    `start` and `end`, exclusive, are UTC days. `conditions` has the condition of each degraded day,
    in the vendor's words; `dollars` is the quoted price, None for an imported file.
    """

    path: str
    schema: str
    symbol: str
    stype_in: str
    start: date
    end: date
    rows: int
    size: int
    sha256: str
    got: datetime
    source: Literal["stream", "batch", "import"]
    dollars: Decimal | None = None
    conditions: dict[str, str] = {}


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One charge in US dollars. A killed run leaves `open`, which may have been billed."""

    path: str
    dollars: Decimal
    at: datetime
    outcome: Literal["open", "whole", "cut"] = "open"


class BatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """A batch job. `id` is None until the vendor has confirmed its submission."""

    path: str
    since: datetime
    dollars: Decimal
    id: str | None = None


class QuarantinedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A paid file with another row count than the vendor's; `kept` is its path in the folder."""

    path: str
    kept: str
    rows: int
    counted: int
    since: datetime


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `manifest.json`; its keys are fixed."""

    dataset: str
    files: dict[str, FileEntry] = {}
    receipts: list[Payment] = []
    jobs: dict[str, BatchJob] = {}
    aside: dict[str, QuarantinedFile] = {}


def now() -> datetime:
    """Return the current time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


NAME = "manifest.json"


class ManifestStore:
    """Reads and changes a manifest. Every change is on the disk before the call returns."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self._manifest = folder, manifest
        self._lock = threading.Lock()

    @property
    def manifest(self) -> Manifest:
        """Return the manifest as it is on the disk."""
        return self._manifest

    @property
    def spent(self) -> Decimal:
        """Return the dollars that all runs so far may have been billed."""
        return sum((one.dollars for one in self._manifest.receipts), Decimal(0))

    def path(self, name: str) -> Path:
        """Return the path of a file by its name in the manifest."""
        return state_dir.inside(self.folder, name)

    def add_file(self, *entries: FileEntry) -> None:
        """Record complete files."""
        with self._lock:
            self._write_manifest(
                files=self._manifest.files | {entry.path: entry for entry in entries}
            )

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, their jobs and quarantined copies. Payments stay."""
        gone = set(names)
        with self._lock:
            self._write_manifest(
                files={name: one for name, one in self._manifest.files.items() if name not in gone},
                jobs={name: one for name, one in self._manifest.jobs.items() if name not in gone},
                aside={name: one for name, one in self._manifest.aside.items() if name not in gone},
            )

    def quarantine(self, one: QuarantinedFile) -> None:
        """Record a file with a wrong row count; it is not downloaded again automatically."""
        with self._lock:
            self._write_manifest(aside=self._manifest.aside | {one.path: one})

    def open_charge(self, payment: Payment) -> None:
        """Record a payment before it is made."""
        with self._lock:
            self._write_manifest(receipts=[*self._manifest.receipts, payment])

    def close_charge(self, payment: Payment, outcome: Literal["whole", "cut"] | None) -> None:
        """Record the outcome of an attempt; None removes it: it was rejected and cost nothing."""
        with self._lock:
            rest = list(self._manifest.receipts)
            rest.remove(payment)  # one only: a killed run may have left an equal one
            ended = [msgspec.structs.replace(payment, outcome=outcome)] if outcome else []
            self._write_manifest(receipts=[*rest, *ended])

    def add_job(self, job: BatchJob) -> None:
        """Record a batch job, or replace it once its id is known."""
        with self._lock:
            self._write_manifest(jobs=self._manifest.jobs | {job.path: job})

    def _write_manifest(self, **changed: object) -> None:
        manifest = msgspec.structs.replace(self._manifest, **changed)
        text = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1)
        with writing(self.folder, NAME):
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace_whole(self.folder / NAME, text + b"\n")
        self._manifest = manifest


def open_manifest(dataset: str) -> ManifestStore:
    """Return the manifest of a dataset; an empty one where there is none.

    Raises DataError for a name that is no dataset, and for a manifest that cannot be read.
    """
    folder = state_dir.inside(state_dir.data_dir(), dataset)
    if folder.parent != state_dir.data_dir():
        raise DataError(f"'{shown(dataset[:80])}' is no dataset.", where=str(state_dir.data_dir()))
    return ManifestStore(folder, _read_manifest(folder / NAME) or Manifest(dataset=dataset))


def manifest_stores() -> list[ManifestStore]:
    """Return the manifests of all datasets, by name."""
    found = sorted(state_dir.data_dir().glob(f"*/{NAME}"))
    return [open_manifest(path.parent.name) for path in found]


@contextmanager
def locked(dataset: str) -> Iterator[ManifestStore]:
    """Return the manifest of a dataset, locked. Raises DataError while another run has it."""
    folder = open_manifest(dataset).folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield open_manifest(dataset)
    except Timeout as error:
        raise DataError(
            "another run of qe is changing this folder.",
            where=str(folder),
            hint="Wait until it has ended.",
        ) from error


def _replace_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it."""
    place = path.resolve()  # a symbolic link stays a link
    part = place.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _read_manifest(path: Path) -> Manifest | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise DataError(
            f"cannot be read: {error}.",
            where=str(path),
            hint="Restore it from a backup; without it downloaded files would be bought again.",
        ) from error
