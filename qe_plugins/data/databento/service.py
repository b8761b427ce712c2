"""The two use cases of a download request: estimate it, and download it within a limit."""

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
from qe_plugins.data.databento.estimate import Estimate, estimate, lines, total
from qe_plugins.data.databento.manifest import ManifestStore, locked, open_manifest
from qe_plugins.data.databento.request import DownloadRequest, load_request
from qe_plugins.errors import DataError

FOR_RETRIES = Decimal("1.1")  # a confirmation at the prompt allows this multiple of the quote

type Started = Callable[[int], Callable[[], None]]


class DownloadResult(msgspec.Struct, frozen=True):
    """A finished download. `dollars` is the most this run was billed, retries included."""

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
    """One download request while this process has its dataset's folder locked."""

    def __init__(
        self, request: DownloadRequest, client: DatabentoClient, store: ManifestStore
    ) -> None:
        self._request, self._client, self._store = request, client, store

    def estimate(self, started: Started) -> Estimate:
        """Return the estimate of what is missing on the disk. Free; see `estimate.estimate`."""
        return estimate(self._request, self._client, self._store, started)

    def download(
        self, estimated: Estimate, limit: Decimal, watch: Callable[[DownloadProgress], None]
    ) -> DownloadResult:
        """Download the missing file parts for at most `limit` dollars, and rebuild the catalog.

        `watch` is called with the progress. Raises DataError for the first failure.
        """
        quote = total(estimated.wanted.values())
        budget = Budget(limit, quote.dollars)
        before = len(self._store.manifest.receipts)
        downloader = Downloader(
            self._client, self._store, budget, self._request.databento.batch_threshold
        )
        jobs = [
            FileJob(file_part, one, estimated.conditions)
            for file_part, one in estimated.wanted.items()
        ]
        downloader.download(jobs, watch)
        new = self._store.manifest.receipts[before:]
        return DownloadResult(
            dataset=self._request.dataset,
            folder=str(self._store.folder),
            files=len(jobs),
            held=len(estimated.held),
            rows=quote.rows,
            bytes=quote.bytes,
            quoted=quote.dollars,
            dollars=budget.spent,
            retries=[f"{one.path} ({usd(one.dollars)})" for one in new if one.outcome == "cut"],
            conditions={
                day.isoformat(): what for day, what in sorted(estimated.conditions.items())
            },
            unresolved=estimated.unresolved,
            catalog=self._rebuild_catalog(bool(jobs)),
        )

    def _rebuild_catalog(self, bought: bool) -> CatalogSummary | None:
        """Rebuild the catalog where files were added, or where it is out of date."""
        fresh = is_fresh(self._store.folder / FOLDER, self._store.manifest)
        return rebuild(self._store) if bought or not fresh else None


def estimate_request(config: Path, started: Started) -> Estimate:
    """Return the estimate of a request file. Free, and nothing is written."""
    request = load_request(config)
    client = connect(request.dataset, request.databento.gateway)
    return estimate(request, client, open_manifest(request.dataset), started)


@contextmanager
def open_session(config: Path) -> Iterator[DownloadSession]:
    """Open a request file; one run at a time may change a dataset's folder.

    Raises DataError, before any request is sent, where a folder that this program did not create
    has the catalog's name.
    """
    request = load_request(config)
    client = connect(request.dataset, request.databento.gateway)
    with locked(request.dataset) as store:
        refuse_foreign(store.folder / FOLDER)
        yield DownloadSession(request, client, store)


def spending_limit(
    estimated: Estimate, most: Decimal | None, ask: Callable[[str], bool] | None
) -> Decimal:
    """Return the spending limit in dollars.

    Raises DataError where the estimate is above `most`, and without `most` unless `ask`, called
    with a question, returns true.
    """
    quote = total(estimated.wanted.values()).dollars
    if most is not None:
        if quote > most:
            raise DataError(
                f"it would cost {usd(quote)}, above --max-cost {usd(most)}; nothing was bought.",
                hint="Raise --max-cost, or buy fewer roots, schemas or days.",
            )
        return most
    if not estimated.wanted:
        return Decimal(0)
    if ask is None:
        raise DataError(
            f"it would cost {usd(quote)} and no limit was given; nothing was bought.",
            hint=f"Add --max-cost {(quote * FOR_RETRIES).quantize(Decimal(1), ROUND_UP)}.",
        )
    most = (quote * FOR_RETRIES).quantize(Decimal("0.01"), ROUND_UP)
    if not ask(
        f"Buy {len(estimated.wanted)} files for {usd(quote)} (with retries at most {usd(most)})?"
    ):
        raise DataError("nothing was bought.")
    return most


def estimate_document(estimated: Estimate) -> dict[str, Any]:
    """Return an estimate as the JSON document of `qe data estimate --json`."""
    whole = total(estimated.wanted.values())
    return {
        "lines": lines(estimated.wanted),
        "total": {"files": len(estimated.wanted), **msgspec.structs.asdict(whole)},
        "held": len(estimated.held),
        "conditions": {day.isoformat(): what for day, what in sorted(estimated.conditions.items())},
        "unresolved": estimated.unresolved,
    }
