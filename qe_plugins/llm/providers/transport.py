"""HTTP of the model SDKs on one aiohttp session, and the decoding of a response's body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import httpx2
import msgspec

from qe_plugins.llm.providers.base import Truncated
from qe_plugins.llm.providers.http_errors import Answered, TooLong, said, without
from qe_plugins.llm.requests import UNREADABLE, refuse_duplicates
from qe_plugins.safe_text import one_line

DROPPED_HEADERS = (
    *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
    *("X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async"),
    *("x-stainless-retry-count", "x-stainless-read-timeout", "x-stainless-timeout"),
)
"""Headers about this machine that the SDKs add and no service needs."""


type Headers = Sequence[tuple[str, str]]
"""Names and values of HTTP headers."""

OK = 200
LENGTH = "content-length"  # aiohttp sets it
LONGEST = 16_000_000
"""Maximum size of a response body in bytes, unpacked: no model writes as much."""


class DirectClient(httpx2.AsyncClient):
    """Sends requests through one aiohttp session with at most `connections` connections."""

    def __init__(self, connections: int) -> None:
        super().__init__(transport=httpx2.AsyncBaseTransport())  # the default takes long to build
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    def build_request(self, method: str, url: Any, **given: Any) -> httpx2.Request:
        """Return a request of what is given alone, without defaults of the client."""
        body = {name: given[name] for name in ("content", "json") if given.get(name) is not None}
        return httpx2.Request(method, url, headers=given.get("headers"), **body)

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Return the response to a request with status 200, its body read.

        Raises as `fetch` does, but httpx2's errors for a connection that fails.
        """
        headers = [one for one in request.headers.multi_items() if one[0].lower() != LENGTH]
        try:
            content = await self.fetch(
                request.method, str(request.url), content=request.content, headers=headers
            )
            return httpx2.Response(OK, content=content, request=request)
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx2.ReadTimeout(str(error), request=request) from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(str(error), request=request) from error

    async def fetch(
        self, method: str, url: str, *, content: bytes, headers: Mapping[str, str] | Headers
    ) -> bytes:
        """Return the body of the response with status 200.

        Raises Answered for another status, TooLong for a body larger than LONGEST, and aiohttp's
        errors for a connection that fails.
        """
        async with self._opened().request(
            method, url, data=content, headers=headers, allow_redirects=False
        ) as response:
            body = await _whole(response)
            if response.status != OK:
                raise Answered(response.status, response.headers, body)
            return body

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        await super().aclose()

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session. It belongs to the event loop of the first request."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=300),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
        return self._session


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """Return the body. Raises TooLong."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LONGEST:
            raise TooLong
        parts.append(part)
    return b"".join(parts)


def envelope[T](content: bytes, decoder: msgspec.json.Decoder[T], what: str, key: str) -> T:
    """Return the body of a response with status 200. Raises Truncated where it is not `what`.

    It may have been charged, because its status is 200.
    """
    try:
        decoded = decoder.decode(content)
        refuse_duplicates(content.decode())
    except UNREADABLE as error:
        failure = Truncated(f"not {what}: {_why(error)}{_told(content, key)}")
    else:
        return decoded
    raise failure


def _why(error: BaseException) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else one_line(error)


def _told(content: bytes, key: str) -> str:
    """Return the error in a body, so that the message names it besides the wrong shape."""
    if b'"error"' not in content[:2_000]:
        return ""
    return f" ({without(key, said(content, key))})"
