"""What pieces come to before they are bought: records, billable bytes, dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import msgspec

from qe_plugins.data.databento.desk import Desk
from qe_plugins.data.databento.pieces import Piece

AT_ONCE = 8


class Quote(msgspec.Struct, frozen=True):
    """What the vendor says a piece comes to. `bytes` are uncompressed, as they are billed."""

    rows: int = 0
    bytes: int = 0
    dollars: Decimal = Decimal(0)

    def __add__(self, other: Quote) -> Quote:
        return Quote(self.rows + other.rows, self.bytes + other.bytes, self.dollars + other.dollars)


class Line(msgspec.Struct, frozen=True, order=True):
    """The files of one root, schema and year, and what they come to."""

    root: str
    schema: str
    year: int
    files: int
    rows: int
    bytes: int
    dollars: Decimal


def quotes(
    desk: Desk, pieces: Sequence[Piece], tick: Callable[[], None] = lambda: None
) -> dict[Piece, Quote]:
    """Ask the price of every piece, which is free; `tick` is called after each."""

    def asked(piece: Piece) -> Quote:
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


def lines(quoted: Mapping[Piece, Quote]) -> list[Line]:
    """Return the quotes by root, schema and year."""
    groups: dict[tuple[str, str, int], list[Quote]] = {}
    for piece, quote in quoted.items():
        groups.setdefault((piece.root, piece.schema, piece.start.year), []).append(quote)
    return [
        Line(*key, len(group), (t := total(group)).rows, t.bytes, t.dollars)
        for key, group in sorted(groups.items())
    ]
