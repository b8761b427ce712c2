"""A purchase, file by file: nothing is bought twice, nothing short gets its final name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import date
from pathlib import Path

import msgspec

from qe_plugins.data.databento.batch import fetch_job
from qe_plugins.data.databento.book import Book
from qe_plugins.data.databento.budget import Budget
from qe_plugins.data.databento.desk import Desk
from qe_plugins.data.databento.manifest import Entry, now
from qe_plugins.data.databento.pieces import Piece
from qe_plugins.data.databento.quotes import Quote
from qe_plugins.data.databento.stream import fetch_stream
from qe_plugins.data.databento.whole import Whole, read_whole
from qe_plugins.errors import DataError

AT_ONCE = 8  # streams; the vendor allows a hundred connections a team
LOOK = 0.2  # seconds between two looks at the files that are on their way


class Order(msgspec.Struct, frozen=True):
    """A piece to buy, at its price."""

    piece: Piece
    quote: Quote
    conditions: dict[date, str]


class Progress(msgspec.Struct, frozen=True):
    """How far a purchase is. `bytes` are billable; `received` is what lies on the disk of both."""

    files: int
    bytes: int
    received: int


class Counter:
    """Buys orders at a desk into a dataset's folder, within a budget."""

    def __init__(self, desk: Desk, book: Book, budget: Budget, batch_above: int) -> None:
        self.desk, self.book, self.budget, self.batch_above = desk, book, budget, batch_above

    def buy(self, orders: Sequence[Order], watch: Callable[[Progress], None]) -> None:
        """Buy every order; `watch` hears about five times a second how far it is.

        After a failure, or an interruption, files that are on their way are finished, since they
        are paid for, and no other is begun. Raises the first failure.
        """
        done: list[Order] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            pending = {pool.submit(self._one, order): order for order in orders}
            try:
                while pending:
                    for future in wait_for(pending, LOOK, FIRST_EXCEPTION).done:
                        future.result()
                        done.append(pending.pop(future))
                    watch(self._progress(done, pending.values()))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _one(self, order: Order) -> None:
        path = self.book.path(order.piece.path)
        part = part_of(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        source = "batch" if order.quote.bytes > self.batch_above else "stream"
        whole = adopted(path, order.quote.rows) or adopted(part, order.quote.rows)
        if whole is None:
            fetch = fetch_job if source == "batch" else fetch_stream
            whole = fetch(self.desk, self.book, self.budget, order.piece, order.quote.dollars, part)
        self._accept(order, whole)
        if whole.path == part:
            os.replace(part, path)
        self.book.enter(_entry(order, whole, source))

    def _accept(self, order: Order, whole: Whole) -> None:
        """Raise DataError, and remove the file, unless it has as many rows as the vendor counts."""
        if whole.rows == order.quote.rows:
            return
        if whole.rows == (count := self.desk.rows(order.piece)):  # it was mended meanwhile
            return
        whole.path.unlink()
        raise DataError(
            f"came with {whole.rows:,} rows, and Databento counts {count:,}: it was removed.",
            where=order.piece.path,
            hint="Run the command again to buy this file anew, or ask support@databento.com.",
        )

    def _progress(self, done: Sequence[Order], running: Iterable[Order]) -> Progress:
        places = [self.book.path(one.piece.path) for one in (*done, *running)]
        return Progress(
            files=len(done),
            bytes=sum(one.quote.bytes for one in done),
            received=sum(_size(place) or _size(part_of(place)) for place in places),
        )


def part_of(path: Path) -> Path:
    """Return the name of a file that is on its way."""
    return path.with_name(f"{path.name}.part")


def adopted(path: Path, rows: int) -> Whole | None:
    """Return a file that a killed run had paid for and not yet written down, where it is whole."""
    if not path.exists():
        return None
    try:
        whole = read_whole(path, path.name)
    except DataError:
        return None
    return whole if whole.rows == rows else None


def _entry(order: Order, whole: Whole, source: str) -> Entry:
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
        Entry,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
