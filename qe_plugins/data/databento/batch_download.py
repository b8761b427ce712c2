"""A file of a batch job over HTTPS: resumed where it stopped, stopped when asked.

The vendor's client reads `Retry-After` as a number only, and cannot be stopped while it waits.
"""

from __future__ import annotations

import threading
from pathlib import Path

import requests
from databento.common.error import BentoClientError, BentoServerError

from qe_plugins.data.databento.retry import CutError, StoppedError

BLOCK = 1 << 16
SECONDS = 30.0  # without a byte


def fetch_file(url: str, key: str | None, into: Path, size: int, stopping: threading.Event) -> None:
    """Bring a file of `size` bytes to `into`: one attempt, from where the last one stopped.

    The key goes along where it is given. Raises BentoHttpError where it is refused, CutError where
    it ends early, StoppedError where `stopping` is set meanwhile.
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
    """Raise what the vendor's client would raise for an error, whatever its body is."""
    status = response.status_code
    if status < requests.codes.bad_request:
        return
    kind = BentoServerError if status >= requests.codes.server_error else BentoClientError
    raise kind(http_status=status, headers=dict(response.headers), message=response.reason)
