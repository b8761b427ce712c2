"""What an HTTP answer other than 200 means, and a connection that breaks, for every SDK alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import aiohttp

from qe_plugins.llm.provider import (
    BadRequest,
    Cut,
    ProviderFailure,
    RateLimited,
    ServerFailure,
    Timeout,
)

OVERLOADED = 529
LONGEST_WAIT = 60.0
NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def of_status(status: int, headers: Mapping[str, str], said: str) -> ProviderFailure:
    """Return the failure that a status stands for; `said` is the provider's own message."""
    detail = f"HTTP {status}: {said.removeprefix(f'Error code: {status} - ')}"
    wait = retry_after(headers)
    if status in (429, OVERLOADED):
        return RateLimited(detail, retry_after=wait)
    if status == 408:
        return Timeout(detail)
    if status >= 500:
        return ServerFailure(detail, retry_after=wait)
    return BadRequest(detail)


def of_connection(error: BaseException) -> ProviderFailure:
    """Return the failure that a broken connection stands for: never sent, too slow, or cut.

    The SDKs and their transport call a refused connection a timeout: only the causes tell.
    """
    causes = list(_causes(error))
    name = type(causes[-1]).__name__
    if any(isinstance(cause, NEVER_SENT) for cause in causes):
        return ServerFailure(f"not reached: {name}")
    if isinstance(causes[-1], TimeoutError):
        return Timeout(f"the connection was too slow: {name}")
    return Cut(f"the connection broke: {name}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After`, at most a minute; None where there are none."""
    try:
        return min(max(float(headers["retry-after"]), 0.0), LONGEST_WAIT)
    except (KeyError, ValueError):  # it may also be a date, which no model's provider sends
        return None


def without(key: str, said: str) -> str:
    """Return what somebody said with the key blacked out, on one line of a bounded length."""
    return " ".join(said.replace(key, "<key>").split())[:300]
