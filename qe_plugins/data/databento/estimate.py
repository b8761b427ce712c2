"""What of a purchase is still to be bought: the days that no whole file of ours has."""

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
    """What the vendor says a piece comes to. `bytes` are uncompressed, as they are billed."""

    rows: int = 0
    bytes: int = 0
    dollars: Decimal = Decimal(0)

    def __add__(self, other: Quote) -> Quote:
        return Quote(self.rows + other.rows, self.bytes + other.bytes, self.dollars + other.dollars)


class EstimateLine(msgspec.Struct, frozen=True, order=True):
    """The files of one root, schema and year, and what they come to."""

    root: str
    schema: str
    year: int
    files: int
    rows: int
    bytes: int
    dollars: Decimal


def quotes(
    desk: DatabentoClient, pieces: Sequence[FilePart], tick: Callable[[], None] = lambda: None
) -> dict[FilePart, Quote]:
    """Ask the price of every piece, which is free; `tick` is called after each."""

    def asked(piece: FilePart) -> Quote:
        quote = Quote(desk.rows(piece), desk.size(piece), desk.dollars(piece))
        tick()
        return quote

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return dict(zip(pieces, pool.map(asked, pieces), strict=True))
    except BaseException:
        desk.stopping.set()  # whoever waits before another attempt waits no longer
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def total(quoted: Iterable[Quote]) -> Quote:
    """Return the sum of quotes."""
    return sum(quoted, Quote())


def lines(quoted: Mapping[FilePart, Quote]) -> list[EstimateLine]:
    """Return the quotes by root, schema and year."""
    groups: dict[tuple[str, str, int], list[Quote]] = {}
    for piece, quote in quoted.items():
        groups.setdefault((piece.root, piece.schema, piece.start.year), []).append(quote)
    return [
        EstimateLine(*key, len(group), (t := total(group)).rows, t.bytes, t.dollars)
        for key, group in sorted(groups.items())
    ]


class Estimate(msgspec.Struct, frozen=True):
    """A purchase at its prices. `held` are the whole files that it needs and we have.

    `conditions` are the days that are not simply available, `unresolved` says in words what the
    vendor could not resolve.
    """

    wanted: dict[FilePart, Quote]
    held: list[FileEntry]
    conditions: dict[date, str]
    unresolved: list[str]


def fill(
    purchase: DownloadRequest,
    desk: DatabentoClient,
    book: ManifestStore,
    started: Callable[[int], Callable[[], None]],
) -> Estimate:
    """Ask the vendor, for free, what is still to be bought.

    `started` hears how many pieces are asked for and returns what to call after each. Raises
    DataError where a bought file is gone or changed.
    """
    planned = plan(purchase, desk)
    held = _held(planned, book)
    for entry in held:
        check_unchanged(book, entry)
    missing = [
        rest
        for piece in planned.pieces
        for rest in without_held(piece, held)
        if rest.path not in book.now.aside
    ]
    aside = [
        f"{one.path} is kept aside: it came with {one.rows:,} rows, and Databento counts "
        f"{one.counted:,}; 'qe data remove {one.path}' lets it be bought again"
        for one in book.now.aside.values()
    ]
    first = min(lot.start for lot in purchase.lots())
    last = max(lot.end for lot in purchase.lots())
    return Estimate(
        wanted=_less_jobs(quotes(desk, missing, started(len(missing))), book),
        held=held,
        conditions=desk.conditions(first, last),
        unresolved=[*planned.unresolved, *aside],
    )


def check_unchanged(book: ManifestStore, entry: FileEntry) -> None:
    """Raise DataError unless the file is as it was written down."""
    path = book.path(entry.path)
    if not path.exists():
        what = "was bought and is gone"
    elif path.stat().st_size != entry.size:
        what = f"is cut short or changed: {path.stat().st_size:,} bytes, was {entry.size:,}"
    elif digest(path) != entry.sha256:
        what = "was changed: its SHA-256 is not the one written down"
    else:
        return
    raise DataError(
        f"{what}.",
        where=str(path),
        hint="Restore it from a backup, or remove its entry from manifest.json to buy it again.",
    )


def without_held(piece: FilePart, held: Iterable[FileEntry]) -> list[FilePart]:
    """Return the days of `piece` that no held file of the same name and schema has."""
    rest = [piece]
    for entry in held:
        if entry.path.startswith(piece.stem):
            rest = [part for one in rest for part in _cut(one, entry.start, entry.end)]
    return rest


def _less_jobs(quoted: dict[FilePart, Quote], book: ManifestStore) -> dict[FilePart, Quote]:
    """Return the quotes; a batch job that was submitted is paid for, and downloaded for nothing."""
    paid = {path for path, job in book.now.jobs.items() if job.id is not None}
    return {
        piece: Quote(quote.rows, quote.bytes, Decimal(0)) if piece.path in paid else quote
        for piece, quote in quoted.items()
    }


def _held(planned: Partition, book: ManifestStore) -> list[FileEntry]:
    """Return our files that have days of a planned piece."""
    return [
        entry
        for path, entry in sorted(book.now.files.items())
        if any(
            path.startswith(piece.stem) and entry.start < piece.end and piece.start < entry.end
            for piece in planned.pieces
        )
    ]


def _cut(piece: FilePart, start: date, end: date) -> list[FilePart]:
    """Return what is left of `piece` without the days from `start` until `end`."""
    if end <= piece.start or piece.end <= start:
        return [piece]
    before = msgspec.structs.replace(piece, end=start)
    after = msgspec.structs.replace(piece, start=end)
    return [one for one in (before, after) if one.start < one.end]
