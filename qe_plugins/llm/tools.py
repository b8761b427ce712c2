"""Tools offered with a request, and the calls and results of the turns before it.

A conversation is a chain of requests: each holds the tools, the first prompt and every exchange so
far, so its key covers all that the model sees, and a recording replays it turn by turn.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec


class ToolSpec(msgspec.Struct, frozen=True):
    """One tool: its name, what it returns, and the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


class ToolOffer(msgspec.Struct, frozen=True):
    """The tools of a request. Where the model may not call any, it must answer."""

    tools: tuple[ToolSpec, ...]
    may_call: bool = True


class ToolCall(msgspec.Struct, frozen=True):
    """A model's call of a tool. `id` is the provider's, by which the result is matched."""

    id: str
    name: str
    arguments: dict[str, Any]


class ToolResult(msgspec.Struct, frozen=True):
    """The result of a call as text; `error` says that the tool refused it."""

    id: str
    content: str
    error: bool = False


class ToolExchange(msgspec.Struct, frozen=True):
    """One turn of a model that called tools, and the results. `text` is what it wrote besides."""

    calls: tuple[ToolCall, ...]
    results: tuple[ToolResult, ...]
    text: str = ""


class Turn[AnswerType](msgspec.Struct, frozen=True, kw_only=True):
    """What a model does in a turn: call tools, or give its typed answer."""

    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    answer: AnswerType | None = None

    def __post_init__(self) -> None:
        if bool(self.calls) == (self.answer is not None):
            raise ValueError("a turn has either tool calls or one answer")


def turn_text(calls: list[dict[str, Any]], said: str) -> str:
    """Return the text of a completion to a request with tools, which decodes as a Turn.

    `said` is the model's own text: its JSON answer where it called no tool.
    """
    if calls:
        return msgspec.json.encode({"calls": calls, "text": said}).decode()
    return f'{{"answer":{said.strip()}}}' if said.strip() else ""


def encoded_offer(tools: tuple[ToolSpec, ...], *, may_call: bool) -> str:
    """Return tools as the text of `Request.tools`."""
    return msgspec.json.encode(ToolOffer(tools, may_call), order="deterministic").decode()


def encoded_exchanges(exchanges: list[ToolExchange]) -> str:
    """Return exchanges as the text of `Request.exchanges`, empty for none."""
    if not exchanges:
        return ""
    return msgspec.json.encode(exchanges, order="deterministic").decode()


@lru_cache(maxsize=64)
def offered(text: str) -> ToolOffer:
    """Return the tools of `Request.tools`, which must not be empty."""
    return msgspec.json.decode(text, type=ToolOffer)


def exchanged(text: str) -> list[ToolExchange]:
    """Return the exchanges of `Request.exchanges`."""
    return msgspec.json.decode(text, type=list[ToolExchange]) if text else []
