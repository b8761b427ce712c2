"""Rows, bytes and dollars of what a download request still lacks: days that no file has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import msgspec

from qe_plugins.data.databento.client import DatabentoClient
from qe_plugins.data.databento.manifest import FileEntry, ManifestStore
from qe_plugins.data.databento.partition import FilePart, Partition, plan
from qe_plugins.data.databento.request import DownloadRequest
from qe_plugins.data.dbn.files import digest
from qe_plugins.errors import DataError

AT_ONCE = 8


class Quote(msgspec.Struct, frozen=True):
    """The vendor's quote of a file part. `bytes` are uncompressed, as they are billed."""

    rows: int = 0
    bytes: int = 0
    dollars: Decimal = Decimal(0)

    def __add__(self, other: Quote) -> Quote:
        return Quote(self.rows + other.rows, self.bytes + other.bytes, self.dollars + other.dollars)


class EstimateLine(msgspec.Struct, frozen=True, order=True):
    """The quotes of one root, schema and year, summed."""

    root: str
    schema: str
    year: int
    files: int
    rows: int
    bytes: int
    dollars: Decimal


def quotes(
    client: DatabentoClient, parts: Sequence[FilePart], tick: Callable[[], None] = lambda: None
) -> dict[FilePart, Quote]:
    """Return the quote of every file part. Free; `tick` is called after each."""

    def quote_part(file_part: FilePart) -> Quote:
        quote = Quote(client.rows(file_part), client.size(file_part), client.dollars(file_part))
        tick()
        return quote

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return dict(zip(parts, pool.map(quote_part, parts), strict=True))
    except BaseException:
        client.stopping.set()  # ends waits before retries in the other threads
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def total(quoted: Iterable[Quote]) -> Quote:
    """Return the sum of quotes."""
    return sum(quoted, Quote())


def lines(quoted: Mapping[FilePart, Quote]) -> list[EstimateLine]:
    """Return the quotes by root, schema and year."""
    groups: dict[tuple[str, str, int], list[Quote]] = {}
    for file_part, quote in quoted.items():
        groups.setdefault((file_part.root, file_part.schema, file_part.start.year), []).append(
            quote
        )
    return [
        EstimateLine(*key, len(group), (t := total(group)).rows, t.bytes, t.dollars)
        for key, group in sorted(groups.items())
    ]


class Estimate(msgspec.Struct, frozen=True):
    """The missing file parts of a request with their quotes (`wanted`).

    `held` are complete files on the disk that it needs. `conditions` are the days that are not
    simply available; `unresolved` are messages of what the vendor could not resolve.
    """

    wanted: dict[FilePart, Quote]
    held: list[FileEntry]
    conditions: dict[date, str]
    unresolved: list[str]


def estimate(
    request: DownloadRequest,
    client: DatabentoClient,
    store: ManifestStore,
    started: Callable[[int], Callable[[], None]],
) -> Estimate:
    """Return the estimate of what is missing on the disk. Free.

    `started` is called with the number of file parts and returns the function to call after each
    quote. Raises DataError where a downloaded file is missing or changed.
    """
    planned = plan(request, client)
    held = _held_files(planned, store)
    for entry in held:
        check_unchanged(store, entry)
    missing = [
        rest
        for file_part in planned.parts
        for rest in without_held(file_part, held)
        if rest.path not in store.manifest.aside
    ]
    aside = [
        f"{one.path} is kept aside: it came with {one.rows:,} rows, and Databento counts "
        f"{one.counted:,}; 'qe data remove {one.path}' lets it be bought again"
        for one in store.manifest.aside.values()
    ]
    first = min(root_request.start for root_request in request.root_requests())
    last = max(root_request.end for root_request in request.root_requests())
    return Estimate(
        wanted=_less_jobs(quotes(client, missing, started(len(missing))), store),
        held=held,
        conditions=client.conditions(first, last),
        unresolved=[*planned.unresolved, *aside],
    )


def check_unchanged(store: ManifestStore, entry: FileEntry) -> None:
    """Raise DataError unless the file equals its manifest entry."""
    path = store.path(entry.path)
    if not path.exists():
        what = "was bought and is gone"
    elif path.stat().st_size != entry.size:
        what = f"is cut short or changed: {path.stat().st_size:,} bytes, was {entry.size:,}"
    elif digest(path) != entry.sha256:
        what = "was changed: its SHA-256 is not the one in the manifest"
    else:
        return
    raise DataError(
        f"{what}.",
        where=str(path),
        hint="Restore it from a backup, or remove its entry from manifest.json to buy it again.",
    )


def without_held(file_part: FilePart, held: Iterable[FileEntry]) -> list[FilePart]:
    """Return the parts of `file_part` whose days no held file of its name and schema has."""
    rest = [file_part]
    for entry in held:
        if entry.path.startswith(file_part.stem):
            rest = [part for one in rest for part in _subtract(one, entry.start, entry.end)]
    return rest


def _less_jobs(quoted: dict[FilePart, Quote], store: ManifestStore) -> dict[FilePart, Quote]:
    """Return the quotes, with zero dollars for submitted batch jobs: they are paid for."""
    paid = {path for path, job in store.manifest.jobs.items() if job.id is not None}
    return {
        file_part: Quote(quote.rows, quote.bytes, Decimal(0)) if file_part.path in paid else quote
        for file_part, quote in quoted.items()
    }


def _held_files(planned: Partition, store: ManifestStore) -> list[FileEntry]:
    """Return the manifest's files that have days of a planned file part."""
    return [
        entry
        for path, entry in sorted(store.manifest.files.items())
        if any(
            path.startswith(file_part.stem)
            and entry.start < file_part.end
            and file_part.start < entry.end
            for file_part in planned.parts
        )
    ]


def _subtract(file_part: FilePart, start: date, end: date) -> list[FilePart]:
    """Return `file_part` without the days from `start` until `end`, in up to two parts."""
    if end <= file_part.start or file_part.end <= start:
        return [file_part]
    before = msgspec.structs.replace(file_part, end=start)
    after = msgspec.structs.replace(file_part, start=end)
    return [one for one in (before, after) if one.start < one.end]
