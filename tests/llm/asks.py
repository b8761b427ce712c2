"""What these tests ask, and how they open a client on a model server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from qe_plugins.llm.client.client import Client, ClientSettings
from qe_plugins.llm.providers.base import Provider
from qe_plugins.llm.providers.openai import OpenAI
from qe_plugins.llm.requests import Answer, Request, schema_text

KEY = "test-key-of-nobody-0000"
OFF = {"thinking": {"type": "disabled"}}
QUICK = ClientSettings(timeout=5.0, backoff=0.01, hedge_share=0.0)


class Finding(msgspec.Struct, frozen=True):
    """A typed answer with bounds."""

    score: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    side: Literal["LONG", "SHORT", "FLAT"]
    reason: Annotated[str, msgspec.Meta(max_length=80)]


SYSTEM = "You judge a window of bars of one instrument. Numbers are in ticks. " * 12


def request(number: int = 0, **changes: Any) -> Request:
    """Return one of many requests that differ in their prompt."""
    fields: dict[str, Any] = {
        "provider": "deepseek",
        "model": "deepseek-flash",
        "rank": "worker",
        "role": "HUNTER",
        "node": f"desk/{number}",
        "task_id": f"task-{number}",
        "system": SYSTEM,
        "prompt": f"window {number}: closes 100 101 10{number % 10}, momentum: 0.{number}",
        "schema_name": "Finding",
        "schema": schema_text(Finding),
        "max_tokens": 300,
    }
    return Request(**fields | changes)


def anthropics(number: int = 0, **changes: Any) -> Request:
    """Return one of many requests to the other provider."""
    model = {"provider": "anthropic", "model": "claude-sonnet-5-5"}
    return request(number, **model | changes)


def client(url: str, scan: str = "scan-1", *, both: bool = True, **changes: Any) -> Client:
    """Return a client whose providers are the SDKs, both or OpenAI's alone, on a model server."""
    providers: dict[str, Provider] = {
        "deepseek": OpenAI(KEY, url, connections=2_500, extra_body=OFF)
    }
    if both:
        from qe_plugins.llm.providers.anthropic import Anthropic

        providers["anthropic"] = Anthropic(KEY, url, connections=100)
    return Client(scan, providers, **{"settings": QUICK} | changes)


async def ask_all(asking: Client, requests: list[Request]) -> list[Answer]:
    """Ask at once, and return what came of each."""
    return await asyncio.gather(*(asking.ask(one, Finding) for one in requests))


def bill_of(folder: Path) -> Path:
    """Return where a test's server writes its bill."""
    return folder / "bill.jsonl"
