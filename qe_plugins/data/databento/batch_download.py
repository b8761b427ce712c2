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


def fetched(url: str, key: str | None, into: Path, size: int, stopping: threading.Event) -> None:
    """Bring a file of `size` bytes to `into`: one attempt, from where the last one stopped.

    The key goes along where it is given. Raises BentoHttpError where it is refused, CutError where
    it ends early, StoppedError where `stopping` is set meanwhile.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    here = into.stat().st_size if into.exists() else 0
    if here > size:
        into.unlink()
        here = 0
    if here == size and into.exists():
        return
    headers = {"Range": f"bytes={here}-{size - 1}"} if here else {}
    with requests.get(
        url,
        auth=(key, "") if key else None,
        headers=headers,
        stream=True,
        timeout=(SECONDS, SECONDS),
    ) as answer:
        _refuse(answer)
        resumed = here and answer.status_code == requests.codes.partial_content
        with into.open("ab" if resumed else "wb") as file:
            try:
                for block in answer.iter_content(BLOCK):
                    if stopping.is_set():
                        raise StoppedError
                    file.write(block)
            except requests.RequestException as error:
                raise CutError(str(error)) from error
    if (came := into.stat().st_size) != size:
        if came > size:
            into.unlink()
        raise CutError(f"{came:,} of {size:,} bytes came")


def _refuse(answer: requests.Response) -> None:
    """Raise what the vendor's client would raise for an error, whatever its body is."""
    status = answer.status_code
    if status < requests.codes.bad_request:
        return
    kind = BentoServerError if status >= requests.codes.server_error else BentoClientError
    raise kind(http_status=status, headers=dict(answer.headers), message=answer.reason)
