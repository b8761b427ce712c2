"""The HTTP client that the SDKs use, on aiohttp: no redirects, cookies, proxies or reading twice.

The work of httpx2 around each request takes as long as the request. A model call is one POST of
bytes to one host, so this client sends only that and returns the response that the SDKs expect.
It uses public methods of httpx2 alone.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import httpx2

from qe_plugins.llm.providers.http_errors import Answered, TooLong

DROPPED_HEADERS = (
    *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
    *("X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async"),
    *("x-stainless-retry-count", "x-stainless-read-timeout", "x-stainless-timeout"),
)
"""Headers about this machine that the SDKs add and no service needs."""


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
        """Return the response, its body read, to a request with status 200.

        Raises Answered for another status, TooLong for a body larger than LONGEST, and httpx2's
        errors for a connection that fails.
        """
        headers = [one for one in request.headers.multi_items() if one[0].lower() != LENGTH]
        try:
            async with self._opened().request(
                request.method,
                str(request.url),
                data=request.content,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await _whole(response)
                if response.status != OK:
                    raise Answered(response.status, response.headers, content)
                return httpx2.Response(OK, content=content, request=request)
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx2.ReadTimeout(str(error), request=request) from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(str(error), request=request) from error

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
