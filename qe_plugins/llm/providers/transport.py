"""The SDKs' HTTP client, straight onto aiohttp: no redirects, cookies, proxies or rereading.

What httpx2 does around each request costs as much as the request. A call of ours is one POST of
bytes to one host, so this client builds just that, and gives the SDKs the response they expect.
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
"""Headers about this machine that the SDKs send of their own accord, and nobody needs."""


OK = 200  # the headers of an answer are not read; those of a refusal say when to come back
LONGEST = 16_000_000
"""Bytes of an answer that are read at most, unpacked: no model writes as much."""


class RequestTemplate:
    """Where requests of one kind go, and with which headers, as aiohttp takes them."""

    def __init__(self, request: httpx2.Request) -> None:
        self.method, self.url = request.method, str(request.url)
        named = request.headers.multi_items()
        self.headers = [one for one in named if one[0].lower() != "content-length"]


class TemplatedRequest(httpx2.Request):
    """A request like `first` but for its bytes, without working out all the rest once more."""

    def __init__(self, first: httpx2.Request, wire: RequestTemplate, content: bytes) -> None:
        self.method, self.url, self.headers = first.method, first.url, first.headers
        self.extensions, self.wire = {}, wire
        self.stream = httpx2.ByteStream(content)
        self._content = content


class DirectClient(httpx2.AsyncClient):
    """Sends each request by one aiohttp session with so many connections."""

    def __init__(self, connections: int) -> None:
        super().__init__(transport=httpx2.AsyncBaseTransport())  # its own takes a while to make
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    def build_request(self, method: str, url: Any, **given: Any) -> httpx2.Request:
        """Return the request as given, without what a client would merge into it."""
        body = {name: given[name] for name in ("content", "json") if given.get(name) is not None}
        return httpx2.Request(method, url, headers=given.get("headers"), **body)

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Return the whole response to a call that went well.

        Raises Answered for any other status, TooLong for an answer without an end, and what httpx2
        raises for a connection that fails.
        """
        wire = request.wire if isinstance(request, TemplatedRequest) else RequestTemplate(request)
        try:
            async with self._opened().request(
                wire.method,
                wire.url,
                data=request.content,
                headers=wire.headers,
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
        """Return the session; it belongs to the loop that runs by the first request."""
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
