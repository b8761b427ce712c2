"""The client of Databento's API: every request that this program sends, rate-limited."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import databento
from databento.common.error import BentoWarning
from databento_dbn import DBNError

from qe_plugins import allowed_hosts
from qe_plugins.data.databento import responses
from qe_plugins.data.databento.batch_download import fetch_file
from qe_plugins.data.databento.errors import api_key, refusal
from qe_plugins.data.databento.partition import FilePart
from qe_plugins.data.databento.retry import (
    CutError,
    RefusedError,
    StoppedError,
    UnreadableError,
    VendorError,
    retrying,
)
from qe_plugins.data.symbology.resolver import Interval
from qe_plugins.data.symbology.symbols import SType
from qe_plugins.errors import ConfigError, QeError

METADATA = 18  # requests a second; two below the limit, for other users of the account


@cache
def rate_limiter(key: str, gateway: str | None) -> RateLimiter:
    """Return the rate limiter that all clients of one account share."""
    return RateLimiter(METADATA)


class RateLimiter:
    """Lets at most `most` requests arrive in any second, whatever their latency.

    There are `most` tokens. A request takes one and returns it a second after its response.
    """

    def __init__(self, most: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._free_at: SimpleQueue[float] = SimpleQueue()
        for _ in range(most):
            self._free_at.put(0.0)

    def call[T](self, call: Callable[[], T]) -> T:
        """Wait for a token, call `call` and return its result."""
        at = self._free_at.get()
        try:
            self._sleep(max(0.0, at - time.monotonic()))
            return call()
        finally:
            self._free_at.put(time.monotonic() + 1.0)


MOST_SYMBOLS = 2_000


def connect(dataset: str, gateway: str | None = None) -> DatabentoClient:
    """Return a client of one dataset. Raises ConfigError without a key or for a bad gateway."""
    if gateway is not None:
        url = gateway if "://" in gateway else f"https://{gateway}"
        allowed_hosts.check(url, what="databento.gateway")
    return DatabentoClient(api_key(), dataset, gateway)


class DatabentoClient:
    """The API for one dataset. Free requests are retried here, billed ones are one attempt each."""

    def __init__(
        self,
        key: str,
        dataset: str,
        gateway: str | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.dataset, self.key = dataset, key
        self.stopping = threading.Event()
        self._wait = sleep or self.stopping.wait
        self._limiter = rate_limiter(key, gateway)
        # Degraded days are requested explicitly (`conditions`) and recorded per file.
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

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds. Raises StoppedError where the download was stopped meanwhile."""
        wait_seconds(self._wait, seconds)
        if self.stopping.is_set():
            raise StoppedError

    def rows(self, file_part: FilePart) -> int:
        """Return the vendor's record count of a file part. Free."""
        return self._metadata_of(file_part, self._client.metadata.get_record_count, responses.count)

    def size(self, file_part: FilePart) -> int:
        """Return the billable bytes, uncompressed. Free."""
        return self._metadata_of(
            file_part, self._client.metadata.get_billable_size, responses.count
        )

    def dollars(self, file_part: FilePart) -> Decimal:
        """Return the price in US dollars. Free."""
        return self._metadata_of(file_part, self._client.metadata.get_cost, responses.dollars)

    def conditions(self, start: date, end: date) -> dict[date, str]:
        """Return the condition of each day, `end` exclusive, that is not `available`."""
        return self._call_metadata(
            f"{self.dataset} conditions",
            partial(
                self._client.metadata.get_dataset_condition,
                *(self.dataset, start, end - timedelta(days=1)),
            ),
            responses.conditions,
        )

    def resolve(
        self, symbols: Sequence[str], stype_in: SType, stype_out: SType, start: date, end: date
    ) -> dict[str, list[Interval]]:
        """Return the intervals of each symbol; symbols that resolve to nothing are left out."""
        found: dict[str, list[Interval]] = {}
        for first in range(0, len(symbols), MOST_SYMBOLS):
            some = symbols[first : first + MOST_SYMBOLS]
            request = partial(
                self._client.symbology.resolve,
                *(self.dataset, some, stype_in.value, stype_out.value, start, end),
            )
            found |= self._call_free(f"{self.dataset} {some[0]}", request, responses.intervals)
        return found

    def stream(self, file_part: FilePart, into: Path) -> None:
        """Stream `file_part` into the new file `into`: one attempt, billed.

        Raises CutError where the stream ends early, RefusedError for an unreadable error.
        """
        try:
            self._client.timeseries.get_range(path=into, **self._range_parameters(file_part))
        except (ValueError, DBNError) as error:  # the client parses the header of the file
            raise CutError(str(error)) from error
        except AttributeError as error:  # the client cannot parse the error's body
            raise RefusedError("an error without words") from error

    def submit(self, file_part: FilePart) -> str:
        """Submit a batch job and return its id: one attempt, billed once."""

        def submit_job() -> Any:
            return self._client.batch.submit_job(
                split_duration="none",
                encoding="dbn",
                compression="zstd",
                **self._range_parameters(file_part),
            )

        return responses.read(responses.job_id, call_vendor(submit_job))

    def jobs(self) -> list[dict[str, Any]]:
        """Return the account's batch jobs that can still be downloaded. Free."""
        return self._call_free("batch jobs", self._client.batch.list_jobs, responses.jobs)

    def job_state(self, job_id: str) -> str:
        """Return `received`, `queued`, `processing`, `done` or `expired`. Free."""
        request = partial(self._client.batch.get_job_details, job_id)
        return self._call_free(job_id, request, responses.state)

    def job_files(self, job_id: str) -> list[dict[str, Any]]:
        """Return the files of a finished job: filename, size, hash, url. Free."""
        return self._call_free(
            job_id, partial(self._client.batch.list_files, job_id), responses.files
        )

    def download(self, file: dict[str, Any], into: Path) -> None:
        """Download a file of a job, resuming an earlier attempt. Free for 30 days."""
        key = self.key if self._is_vendor_host(file["url"]) else None
        fetch = partial(fetch_file, file["url"], key, into, file["size"], self.stopping)
        self._call_free(into.name, fetch, lambda _: None)

    def _is_vendor_host(self, url: str) -> bool:
        """Say whether a URL is the vendor's or the gateway's: only these are sent the key."""
        there, ours = urlsplit(url), urlsplit(self._client.gateway)
        vendors = there.hostname is not None and f".{there.hostname}".endswith(".databento.com")
        return there.scheme == "https" and (vendors or there.netloc == ours.netloc)

    def refusal(self, error: BaseException, what: str) -> QeError:
        """Return the error to show for `error`; `what` is the request. The key is masked."""
        return refusal(error, what, self.key)

    def _range_parameters(self, file_part: FilePart) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "symbols": file_part.symbol,
            "stype_in": file_part.stype_in,
            "schema": file_part.schema,
            "start": file_part.start,
            "end": file_part.end,
        }

    def _call_metadata[T](
        self, what: str, call: Callable[[], Any], reader: Callable[[Any], T]
    ) -> T:
        return self._call_free(what, partial(self._limiter.call, call), reader)

    def _metadata_of[T](
        self, file_part: FilePart, call: Callable[..., Any], reader: Callable[[Any], T]
    ) -> T:
        return self._call_metadata(
            file_part.path, partial(call, **self._range_parameters(file_part)), reader
        )

    def _call_free[T](self, what: str, call: Callable[[], Any], reader: Callable[[Any], T]) -> T:
        try:
            return responses.read(reader, retrying(self.sleep)(partial(call_vendor, call)))
        except VendorError as error:
            raise self.refusal(error, what) from None


def wait_seconds(wait: Callable[[float], object], seconds: float) -> None:
    """Wait so many seconds by calling `wait`; tests replace it."""
    wait(seconds)


def call_vendor(call: Callable[[], Any]) -> Any:
    """Call the vendor. Raises UnreadableError where the client cannot parse the response."""
    try:
        return call()
    except (AttributeError, TypeError, KeyError, RuntimeError) as error:
        raise UnreadableError("an answer without the form of one") from error
    except ValueError as error:
        if isinstance(error, VendorError):
            raise
        raise UnreadableError(str(error)) from error
