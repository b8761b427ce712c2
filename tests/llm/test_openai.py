"""What the OpenAI path puts on the wire is what the SDK itself would, call after call."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from qe_plugins.llm.providers.openai import OpenAI
from tests.llm.asks import KEY, OFF, request

pytestmark = pytest.mark.anyio

ANSWER = {
    "model": "deepseek-flash",
    "choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
OF_THE_MACHINE = ("x-stainless-", "user-agent", "accept-encoding", "content-length", "connection")


class Heard:
    """Every request as it arrived: its headers but for those of the machine, and its body."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.lengths: list[bool] = []

    async def hear(self, asked: web.Request) -> web.Response:
        raw = await asked.read()
        named = {name.lower(): value for name, value in asked.headers.items()}
        self.lengths.append(int(named["content-length"]) == len(raw))
        self.headers.append(
            {name: value for name, value in named.items() if not name.startswith(OF_THE_MACHINE)}
        )
        self.bodies.append(msgspec.json.decode(raw))
        return web.json_response(ANSWER)


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, Heard]]:
    heard, app = Heard(), web.Application()
    app.router.add_post("/chat/completions", heard.hear)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", heard
    finally:
        await runner.cleanup()


async def test_every_call_is_what_the_sdk_sends_by_itself():
    async with listening() as (url, heard):
        ours = OpenAI(KEY, url, connections=2, extra_body=OFF)
        for number in (1, 22, 333):
            await ours.complete(request(number))
        await ours.aclose()
        bodies = list(heard.bodies)
        async with AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as sdk:
            for body in bodies:
                plain = {name: body[name] for name in body if name not in OFF}
                await sdk.chat.completions.create(**plain, extra_body=OFF)

    assert all(heard.lengths)
    assert heard.bodies[3:] == bodies
    assert [one["messages"][1]["content"] for one in bodies] == [
        request(number).prompt for number in (1, 22, 333)
    ]
    assert heard.headers[:3] == heard.headers[3:]
    assert heard.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_a_repair_has_bytes_of_its_own():
    async with listening() as (url, heard):
        ours = OpenAI(KEY, url, connections=2, extra_body=OFF)
        await ours.complete(request(1))
        await ours.complete(request(1), feedback="score is missing")
        await ours.aclose()

    assert [len(one["messages"]) for one in heard.bodies] == [2, 3]
    assert "score is missing" in heard.bodies[1]["messages"][2]["content"]
