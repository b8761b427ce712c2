"""`python model_calls.py HOW URL CALLS FLIGHT`: ask a model server, and print what a call cost.

HOW is `bare` (aiohttp alone), `client` (all of ours) or `replay` (no call at all).
CPU is this process's, in milliseconds a call.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
import uvloop

from qe_plugins.llm.client.client import ClientSettings
from qe_plugins.llm.providers.openai import body
from qe_plugins.llm.requests import Request
from tests.benchmarks.peak import peak
from tests.llm.asks import KEY, OFF, Finding, client, request

WARM = 50


async def bare(url: str, requests: list[Request], flight: int) -> None:
    """Post the same bytes and read the answers, as fast as aiohttp can."""
    gate = asyncio.Semaphore(flight)
    connector = aiohttp.TCPConnector(limit=flight)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def one(asked: Request) -> None:
            async with (
                gate,
                session.post(f"{url}/chat/completions", data=body(asked, "", OFF)) as response,
            ):
                msgspec.json.decode(await response.read())

        await asyncio.gather(*map(one, requests))


async def asked(url: str, requests: list[Request], settings: ClientSettings) -> None:
    """Ask through the client, which must answer everything."""
    async with client(url, both=False, settings=settings) as asking:
        settled = await asyncio.gather(*(asking.ask(one, Finding) for one in requests))
        assert all(one.failure is None for one in settled), asking.stats


async def main(how: str, url: str, calls: int, flight: int) -> None:
    """Run one way and print what it took."""
    requests = [request(n) for n in range(WARM + calls)]
    ways: dict[str, Callable[[list[Request]], Awaitable[None]]] = {
        "bare": lambda some: bare(url, some, flight),
        "client": lambda some: asked(url, some, ClientSettings(concurrency=flight)),
        "replay": lambda some: asked(url, some, ClientSettings(replay=True)),
    }
    if how != "replay":
        await ways[how](requests[:WARM])  # the SDK imports half of itself at its first call
    cpu, wall = time.process_time(), time.perf_counter()
    await ways[how](requests[WARM:])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    told = {
        "cpu_ms": cpu / calls * 1_000,
        "seconds": wall,
        "per_second": calls / wall,
        "megabytes": peak() / 2**20,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
