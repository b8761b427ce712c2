"""Convert HTTP statuses and connection errors to failures, for every SDK."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec

from qe_plugins.llm.providers.base import (
    BadRequest,
    ProviderFailure,
    RateLimited,
    ServerFailure,
    Timeout,
    Truncated,
)
from qe_plugins.safe_text import one_line, writable

OVERLOADED = 529
LONGEST_WAIT = 60.0
LONGEST_TEXT = 300
NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

TOO_SLOW = frozenset({408, 499, 504, 524, 598, 599})
"""Statuses of a timeout on the way: the model may have answered."""

BROKEN = frozenset({502, 520})
"""Statuses of an answer that was lost or unreadable on the way."""

NO_MONEY = ("insufficient_quota", "insufficient balance", "credit balance is too low")
"""Texts of providers, with any status, for an empty account: waiting does not help."""


class Answered(Exception):  # noqa: N818 - an answer, which the SDKs need not look into
    """An HTTP answer other than 200."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content
        super().__init__(f"HTTP {status}")


class TooLong(Exception):  # noqa: N818 - an answer that is not read to its end
    """An answer longer than any model's."""


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None
    message: str = ""


def of_error(error: BaseException, key: str) -> ProviderFailure:
    """Return the failure for an exception of a call.

    The SDKs wrap what their transport raises, and report a refused connection as a timeout, so the
    causes are searched. `key` is redacted.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ProviderFailure):
            return cause
        if isinstance(cause, Answered):
            return of_status(cause.status, cause.headers, said(cause.content, key))
    name = type(causes[-1]).__name__
    if any(isinstance(cause, NEVER_SENT) for cause in causes):
        return ServerFailure(f"not reached: {name}", unreached=True)
    if any(isinstance(cause, UnicodeEncodeError) for cause in causes):
        return BadRequest("the request has text that cannot be sent")
    if any(isinstance(cause, TooLong) for cause in causes):
        return Truncated("the answer was longer than any model's")
    if isinstance(causes[-1], TimeoutError):
        return Timeout(f"the connection was too slow: {name}")
    if any(isinstance(cause, aiohttp.ClientError | OSError) for cause in causes):
        return Truncated(f"the connection broke: {name}")
    return Truncated(f"not understood: {without(key, one_line(causes[-1]))}")


def of_status(status: int, headers: Mapping[str, str], text: str) -> ProviderFailure:
    """Return the failure for a status; `text` is the provider's own message."""
    detail, wait = f"HTTP {status}: {text}", retry_after(headers)
    if any(words in text.lower() for words in NO_MONEY):
        return BadRequest(detail, status=402)
    if status in (429, OVERLOADED):
        return RateLimited(detail, retry_after=wait)
    if status in TOO_SLOW:
        return Timeout(detail)
    if status in BROKEN or status < 300:
        return Truncated(detail)
    if status >= 500:
        return ServerFailure(detail, retry_after=wait)
    return BadRequest(detail, status=status)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After`, at most a minute; None where there are none.

    It may be a number or a date (RFC 9110); anything else is as good as none.
    """
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
            seconds = (at.astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def said(content: bytes, key: str) -> str:
    """Return the message in the body of an error, whatever it is made of, as one line."""
    text = content[: 20 * LONGEST_TEXT].decode(errors="replace")
    try:
        body = msgspec.json.decode(content, type=_Body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return without(key, text)
    error = body.error
    if isinstance(error, _Error):
        parts = [error.message or body.message, error.type, str(error.code or "")]
        told = ", ".join(part for part in parts if part)
    else:
        told = error or body.message
    return without(key, told or text)


def without(key: str, text: str) -> str:
    """Return a provider's text with the key redacted, as one line of a bounded length."""
    plain = writable(text.replace(key, "<key>") if key else text)
    return " ".join(plain.split())[:LONGEST_TEXT]
