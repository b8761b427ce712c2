"""Download a file of a batch job over HTTPS: resumable, and stopped by an event.

The vendor's client reads `Retry-After` as a number only, and cannot be stopped while it waits.
"""

from __future__ import annotations

import threading
from pathlib import Path

import requests
from databento.common.error import BentoClientError, BentoServerError

from qe_plugins.data.databento.retry import CutError, StoppedError

BLOCK = 1 << 16
SECONDS = 30.0  # without a byte before an attempt fails


def fetch_file(url: str, key: str | None, into: Path, size: int, stopping: threading.Event) -> None:
    """Download a file of `size` bytes to `into`: one attempt, from where the last one stopped.

    `key` is sent as the user name if given. Raises BentoHttpError for an HTTP error, CutError where
    the transfer ends early, StoppedError where `stopping` is set meanwhile.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    present = into.stat().st_size if into.exists() else 0
    if present > size:
        into.unlink()
        present = 0
    if present == size and into.exists():
        return
    headers = {"Range": f"bytes={present}-{size - 1}"} if present else {}
    with requests.get(
        url,
        auth=(key, "") if key else None,
        headers=headers,
        stream=True,
        timeout=(SECONDS, SECONDS),
    ) as response:
        _raise_for_status(response)
        resumed = present and response.status_code == requests.codes.partial_content
        with into.open("ab" if resumed else "wb") as file:
            try:
                for block in response.iter_content(BLOCK):
                    if stopping.is_set():
                        raise StoppedError
                    file.write(block)
            except requests.RequestException as error:
                raise CutError(str(error)) from error
    if (arrived := into.stat().st_size) != size:
        if arrived > size:
            into.unlink()
        raise CutError(f"{arrived:,} of {size:,} bytes came")


def _raise_for_status(response: requests.Response) -> None:
    """Raise the error that the vendor's client raises for this status; the body is ignored."""
    status = response.status_code
    if status < requests.codes.bad_request:
        return
    kind = BentoServerError if status >= requests.codes.server_error else BentoClientError
    raise kind(http_status=status, headers=dict(response.headers), message=response.reason)
