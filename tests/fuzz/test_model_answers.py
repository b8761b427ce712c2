"""Spoiled answers of a model server over a real socket: a completion or a typed failure each.

`FUZZ_SEED` tries others, `FUZZ_CASES` more; the seed is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from qe_plugins.llm.providers.anthropic import Anthropic
from qe_plugins.llm.providers.base import Completion, Provider, ProviderFailure
from qe_plugins.llm.providers.openai import OpenAI
from tests.fuzz import mutations
from tests.llm.asks import KEY, anthropics, request
from tests.llm.test_odd_bodies import chat, message

pytestmark = pytest.mark.anyio

CASES = int(os.environ.get("FUZZ_CASES", "150"))
"""How many answers each SDK gets."""

SLOWEST = 60.0
"""Seconds that one answer may take."""

HEAD = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
STATUSES = (200, 200, 200, 200, 400, 404, 408, 429, 500, 502, 503, 529)


def spoiled(good: dict[str, Any], dice: random.Random) -> bytes:
    """Return a whole HTTP response of which a value, the bytes or the head were spoiled."""
    body = msgspec.json.encode(good)
    if dice.random() < 0.4:
        key = dice.choice(sorted(good))
        body = body.replace(
            msgspec.json.encode(good[key]), dice.choice(mutations.NASTY).encode(errors="replace"), 1
        )
    if dice.random() < 0.6:
        body = mutations.content(body, dice)
    size = len(body) if dice.random() < 0.9 else dice.randrange(2 * len(body) + 1)
    head = HEAD % (dice.choice(STATUSES), size)
    if dice.random() < 0.1:
        head = mutations.content(head, dice)
    return head + body


@contextlib.asynccontextmanager
async def spoiling(good: dict[str, Any], dice: random.Random) -> AsyncIterator[str]:
    """Serve one spoiled response a connection, and yield the base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            [size] = [
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ]
            await reader.readexactly(size)
            writer.write(spoiled(good, dice))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.mark.parametrize(
    ("good", "asks", "sdk"),
    [(chat(), request, OpenAI), (message(), anthropics, Anthropic)],
    ids=["openai", "anthropic"],
)
async def test_a_spoiled_answer_is_a_completion_or_a_typed_failure(good, asks, sdk):
    seed = int(os.environ.get("FUZZ_SEED", "7"))
    print(f"seed {seed}")
    ended: list[Completion | ProviderFailure] = []
    async with spoiling(good, random.Random(seed)) as url:
        provider: Provider = sdk(KEY, url, connections=10)
        for case in range(CASES):
            asked = asks(prompt=f"case {case}. json", provider="any")
            try:
                async with asyncio.timeout(SLOWEST):
                    ended.append(await provider.complete(asked))
            except ProviderFailure as failure:
                ended.append(failure)
        await provider.aclose()
    failures = [one for one in ended if isinstance(one, ProviderFailure)]
    assert len(ended) > len(failures) > 0
    for failure in failures:
        failure.detail.encode()  # it can be written
        assert failure.retry_after is None or 0 <= failure.retry_after <= 60
