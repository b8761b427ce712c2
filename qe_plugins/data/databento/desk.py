"""The vendor's desk: every request we make of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import databento
from databento.common.error import BentoWarning
from databento_dbn import DBNError

from qe_plugins.data.databento import pace
from qe_plugins.data.databento.key import api_key
from qe_plugins.data.databento.pieces import Piece
from qe_plugins.data.databento.refusal import refusal
from qe_plugins.data.databento.retry import CutError, VendorError, retrying
from qe_plugins.data.resolve import Interval
from qe_plugins.data.symbology import SType
from qe_plugins.errors import ConfigError, QeError

MOST_SYMBOLS = 2_000


def open_desk(dataset: str, gateway: str | None = None) -> Desk:
    """Return the desk for one dataset. Raises ConfigError without a key or for a bad gateway."""
    return Desk(api_key(), dataset, gateway)


class Desk:
    """One dataset at the vendor. Requests that cost nothing are tried again here."""

    def __init__(
        self,
        key: str,
        dataset: str,
        gateway: str | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.dataset, self.key = dataset, key
        self.sleep: Callable[[float], None] = sleep or time.sleep
        self._pace = pace.metadata(key, gateway)
        # Degraded days are asked for by name (`conditions`) and recorded per file.
        warnings.filterwarnings("ignore", category=BentoWarning)
        try:
            self._client = (
                databento.Historical(key, gateway) if gateway else databento.Historical(key)
            )
        except ValueError as error:
            raise ConfigError(
                f"'{gateway}' is no address of the vendor.",
                where="databento.gateway",
                hint="Leave it out, or write https://host:port.",
            ) from error

    def rows(self, piece: Piece) -> int:
        """Return how many records the vendor counts. Free."""
        return int(self._of(piece, self._client.metadata.get_record_count))

    def size(self, piece: Piece) -> int:
        """Return the billable bytes, uncompressed. Free."""
        return int(self._of(piece, self._client.metadata.get_billable_size))

    def dollars(self, piece: Piece) -> Decimal:
        """Return the price in US dollars. Free."""
        return Decimal(str(self._of(piece, self._client.metadata.get_cost)))

    def conditions(self, start: date, end: date) -> dict[date, str]:
        """Return the days, `end` exclusive, that are not simply available, and what they are."""
        answer = self._metadata(
            f"{self.dataset} conditions",
            partial(
                self._client.metadata.get_dataset_condition,
                *(self.dataset, start, end - timedelta(days=1)),
            ),
        )
        return {
            date.fromisoformat(str(one["date"])): str(one["condition"])
            for one in answer
            if one["condition"] != "available"
        }

    def resolve(
        self, symbols: Sequence[str], stype_in: SType, stype_out: SType, start: date, end: date
    ) -> dict[str, list[Interval]]:
        """Return the intervals of each symbol; symbols that resolve to nothing are left out."""
        found: dict[str, list[Interval]] = {}
        for first in range(0, len(symbols), MOST_SYMBOLS):
            some = symbols[first : first + MOST_SYMBOLS]
            asked = partial(
                self._client.symbology.resolve,
                *(self.dataset, some, stype_in.value, stype_out.value, start, end),
            )
            told = self._free(f"{self.dataset} {some[0]}", asked)["result"]
            found |= {name: _intervals(days) for name, days in told.items() if days}
        return found

    def stream(self, piece: Piece, into: Path) -> None:
        """Buy `piece` into the new file `into`: one attempt, which is billed."""
        try:
            self._client.timeseries.get_range(path=into, **self._request(piece))
        except (ValueError, DBNError) as error:  # the client reads the header of what it wrote
            raise CutError(str(error)) from error

    def submit(self, piece: Piece) -> str:
        """Order a batch job, which is billed once, and return its id: one attempt."""
        job = self._client.batch.submit_job(
            split_duration="none", encoding="dbn", compression="zstd", **self._request(piece)
        )
        return str(job["id"])

    def jobs(self) -> list[dict[str, Any]]:
        """Return the account's batch jobs that can still be downloaded. Free."""
        answer: list[dict[str, Any]] = self._free("batch jobs", self._client.batch.list_jobs)
        return answer

    def job_state(self, job_id: str) -> str:
        """Return `queued`, `processing`, `done` or `expired`. Free."""
        answer = self._free(job_id, lambda: self._client.batch.get_job_details(job_id))
        return str(answer["state"])

    def job_files(self, job_id: str) -> list[dict[str, Any]]:
        """Return the files of a finished job with size and hash. Free."""
        answer: list[dict[str, Any]] = self._free(
            job_id, lambda: self._client.batch.list_files(job_id)
        )
        return answer

    def download(self, job_id: str, filename: str, folder: Path) -> Path:
        """Fetch a file of a job, going on where an earlier attempt stopped. Free for 30 days."""
        found: list[Path] = self._free(
            job_id, lambda: self._client.batch.download(job_id, folder, filename)
        )
        return found[0]

    def refusal(self, error: BaseException, what: str) -> QeError:
        """Return what a user is told of `error`."""
        return refusal(error, what, self.key)

    def _request(self, piece: Piece) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "symbols": piece.symbol,
            "stype_in": piece.stype_in,
            "schema": piece.schema,
            "start": piece.start,
            "end": piece.end,
        }

    def _metadata(self, what: str, call: Callable[[], Any]) -> Any:
        return self._free(what, partial(self._pace.ask, call))

    def _of(self, piece: Piece, call: Callable[..., Any]) -> Any:
        return self._metadata(piece.path, partial(call, **self._request(piece)))

    def _free[T](self, what: str, call: Callable[[], T]) -> T:
        try:
            return retrying(self.sleep)(call)
        except VendorError as error:
            raise self.refusal(error, what) from None


def _intervals(told: list[dict[str, str]]) -> list[Interval]:
    return [
        Interval(date.fromisoformat(one["d0"]), date.fromisoformat(one["d1"]), one["s"])
        for one in told
    ]
