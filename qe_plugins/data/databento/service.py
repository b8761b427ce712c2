"""A purchase from its file to the shelf: estimate it, agree on the limit, buy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import ROUND_UP, Decimal
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.data.databento.budget import Budget, usd
from qe_plugins.data.databento.catalog_builder import CatalogSummary, rebuild
from qe_plugins.data.databento.catalog_stamp import FOLDER, is_fresh, refuse_foreign
from qe_plugins.data.databento.client import DatabentoClient, connect
from qe_plugins.data.databento.download import Downloader, DownloadProgress, FileJob
from qe_plugins.data.databento.estimate import Estimate, fill, lines, total
from qe_plugins.data.databento.manifest import ManifestStore, locked, open_manifest
from qe_plugins.data.databento.request import DownloadRequest, load_purchase
from qe_plugins.errors import DataError

FOR_RETRIES = Decimal("1.1")  # what "yes" at the prompt allows beyond the quote

type Started = Callable[[int], Callable[[], None]]


class DownloadResult(msgspec.Struct, frozen=True):
    """A finished purchase. `dollars` is what this run was billed at most, retries included."""

    dataset: str
    folder: str
    files: int
    held: int
    rows: int
    bytes: int
    quoted: Decimal
    dollars: Decimal
    retries: list[str]
    conditions: dict[str, str]
    unresolved: list[str]
    catalog: CatalogSummary | None


class DownloadSession:
    """One purchase at the vendor's, with its dataset locked for us."""

    def __init__(
        self, purchase: DownloadRequest, desk: DatabentoClient, book: ManifestStore
    ) -> None:
        self._purchase, self._desk, self._book = purchase, desk, book

    def fill(self, started: Started) -> Estimate:
        """Ask, for free, what is still to be bought."""
        return fill(self._purchase, self._desk, self._book, started)

    def buy(
        self, cart: Estimate, limit: Decimal, watch: Callable[[DownloadProgress], None]
    ) -> DownloadResult:
        """Buy what is in the cart for at most `limit` dollars."""
        quote = total(cart.wanted.values())
        budget = Budget(limit, quote.dollars)
        before = len(self._book.now.receipts)
        counter = Downloader(self._desk, self._book, budget, self._purchase.databento.batch_above)
        orders = [FileJob(piece, one, cart.conditions) for piece, one in cart.wanted.items()]
        counter.buy(orders, watch)
        new = self._book.now.receipts[before:]
        return DownloadResult(
            dataset=self._purchase.dataset,
            folder=str(self._book.folder),
            files=len(orders),
            held=len(cart.held),
            rows=quote.rows,
            bytes=quote.bytes,
            quoted=quote.dollars,
            dollars=budget.spent,
            retries=[f"{one.path} ({usd(one.dollars)})" for one in new if one.outcome == "cut"],
            conditions={day.isoformat(): what for day, what in sorted(cart.conditions.items())},
            unresolved=cart.unresolved,
            catalog=self._rebuilt(bool(orders)),
        )

    def _rebuilt(self, bought: bool) -> CatalogSummary | None:
        """Make the catalog again where files came, or where it is not what the files say."""
        fresh = is_fresh(self._book.folder / FOLDER, self._book.now)
        return rebuild(self._book) if bought or not fresh else None


def estimate(config: Path, started: Started) -> Estimate:
    """Return what the purchase in a file comes to. Nothing is bought, nothing is written."""
    purchase = load_purchase(config)
    desk = connect(purchase.dataset, purchase.databento.gateway)
    return fill(purchase, desk, open_manifest(purchase.dataset), started)


@contextmanager
def opened(config: Path) -> Iterator[DownloadSession]:
    """Open the purchase in a file; one run at a time may change a dataset's folder.

    Raises DataError, before anything is asked or bought, where a folder that was not made here is
    in the place of the catalog.
    """
    purchase = load_purchase(config)
    desk = connect(purchase.dataset, purchase.databento.gateway)
    with locked(purchase.dataset) as book:
        refuse_foreign(book.folder / FOLDER)
        yield DownloadSession(purchase, desk, book)


def limit(cart: Estimate, most: Decimal | None, ask: Callable[[str], bool] | None) -> Decimal:
    """Return what may be spent. Raises DataError above `most`, or without a yes."""
    quote = total(cart.wanted.values()).dollars
    if most is not None:
        if quote > most:
            raise DataError(
                f"it would cost {usd(quote)}, above --max-cost {usd(most)}; nothing was bought.",
                hint="Raise --max-cost, or buy fewer roots, schemas or days.",
            )
        return most
    if not cart.wanted:
        return Decimal(0)
    if ask is None:
        raise DataError(
            f"it would cost {usd(quote)} and no limit was given; nothing was bought.",
            hint=f"Add --max-cost {(quote * FOR_RETRIES).quantize(Decimal(1), ROUND_UP)}.",
        )
    most = (quote * FOR_RETRIES).quantize(Decimal("0.01"), ROUND_UP)
    if not ask(
        f"Buy {len(cart.wanted)} files for {usd(quote)} (with retries at most {usd(most)})?"
    ):
        raise DataError("nothing was bought.")
    return most


def quoted(cart: Estimate) -> dict[str, Any]:
    """Return an estimate as one document."""
    whole = total(cart.wanted.values())
    return {
        "lines": lines(cart.wanted),
        "total": {"files": len(cart.wanted), **msgspec.structs.asdict(whole)},
        "held": len(cart.held),
        "conditions": {day.isoformat(): what for day, what in sorted(cart.conditions.items())},
        "unresolved": cart.unresolved,
    }
