"""Which errors are retried, after which delay, and whether the attempt was billed.

The vendor's client retries only batch downloads, and does not wrap the errors of `requests`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import requests
from databento.common.error import BentoError, BentoHttpError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from qe_plugins.data.databento.disk_space import is_full

ATTEMPTS = 6
LONGEST_WAIT = 300.0
backoff = wait_random_exponential(multiplier=0.5, max=30)


class CutError(Exception):
    """A stream ended before its last record; the received part is billed."""


class StoppedError(Exception):
    """The download was stopped while no billed request was running."""


class UnreadableError(Exception):
    """A response has an unexpected form: HTML, text, nothing, or an invalid number."""


class RefusedError(UnreadableError):
    """An error response that the client cannot parse: nothing was billed."""


VendorError = (BentoError, CutError, UnreadableError, requests.RequestException)


def is_transient(error: BaseException) -> bool:
    """Say whether a retry may succeed: after 408, 429, 5xx, a network error, a cut stream."""
    if isinstance(error, BentoHttpError):
        return error.http_status in (408, 429) or error.http_status >= 500
    if isinstance(error, requests.exceptions.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    if is_full(error):
        return False
    return isinstance(error, BentoError | CutError | requests.ConnectionError | requests.Timeout)


def was_billed(error: BaseException) -> bool:
    """Say whether a failed attempt may have been billed: rejected or unsent requests are not."""
    refused = isinstance(error, BentoHttpError | RefusedError | requests.ConnectTimeout)
    return not refused and not _never_connected(error)


def wait(state: RetryCallState) -> float:
    """Return the seconds before the next attempt: of `Retry-After`, else exponential backoff."""
    error = state.outcome.exception() if state.outcome else None
    seconds = _retry_after(error)
    return min(seconds, LONGEST_WAIT) if seconds is not None else backoff(state)


def retrying(sleep: Callable[[float], None]) -> Retrying:
    """Return the retry policy of one request. The last error is raised unchanged."""
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait,
        stop=stop_after_attempt(ATTEMPTS),
        sleep=sleep,
        reraise=True,
    )


def _retry_after(error: BaseException | None) -> float | None:
    if not isinstance(error, BentoHttpError):
        return None
    text = str(error.headers.get("Retry-After", "")).strip()
    if not text:
        return None
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _never_connected(error: BaseException) -> bool:
    """Say whether the connection failed before the request was sent."""
    return isinstance(error, requests.ConnectionError) and "NewConnectionError" in repr(error)
