"""Anthropic's models, by its own SDK over aiohttp, with structured output."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import msgspec
from anthropic import AsyncAnthropic, omit, transform_schema

from qe_plugins.llm.providers import http_errors
from qe_plugins.llm.providers.base import Completion, Refusal
from qe_plugins.llm.providers.transport import DROPPED_HEADERS, DirectClient, envelope
from qe_plugins.llm.requests import Request, Usage, again
from qe_plugins.llm.tools import ToolExchange, exchanged, offered, turn_text

NO_RETRIES = 0  # the SDK's own would be paid for unseen by the budget


class _Usage(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    def said(self) -> Usage:
        cached, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        whole = self.input_tokens + cached + written
        return Usage(whole, cached, self.output_tokens, written)


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


class _Message(msgspec.Struct):
    model: str
    content: list[_Block]
    usage: _Usage
    stop_reason: str | None = None


_DECODER = msgspec.json.Decoder(_Message)


class Anthropic:
    """One shared client. It sends neither temperature nor forced tools: the models refuse them."""

    def __init__(
        self, key: str, base_url: str | None, *, connections: int, timeout: float = 600.0
    ) -> None:
        self._key = key
        self._client = AsyncAnthropic(
            api_key=key,
            base_url=base_url,
            max_retries=NO_RETRIES,
            timeout=timeout,
            default_headers=cast(dict[str, str], dict.fromkeys(DROPPED_HEADERS, omit)),
            http_client=DirectClient(connections),
        )

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return one completion. Raises ProviderFailure."""
        content = await self._created(request, feedback)
        message = envelope(content, _DECODER, "a message", self._key)
        usage = message.usage.said()
        if message.stop_reason == "refusal":
            raise Refusal("the model would not answer", usage=usage)
        text = "".join(block.text for block in message.content if block.type == "text")
        if request.tools:
            text = turn_text(_calls(message.content), text)
        finish = "length" if message.stop_reason == "max_tokens" else message.stop_reason
        return Completion(text, usage, message.model, finish or "stop")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def _created(self, request: Request, feedback: str) -> bytes:
        try:
            raw = await self._client.messages.with_raw_response.create(
                model=request.model,
                max_tokens=request.max_tokens,
                system=request.system,
                messages=cast(Any, _messages(request, feedback)),
                output_config={"format": {"type": "json_schema", "schema": _form(request.schema)}},
                **(_tools(request.tools) if request.tools else {}),
            )
            content: bytes = raw.http_response.content
        except Exception as error:  # an SDK may raise anything for an unexpected response
            failure = http_errors.of_error(error, self._key)
        else:
            return content
        raise failure  # without its cause, which holds the request's headers and so the key


@lru_cache
def _form(schema: str) -> dict[str, Any]:
    """Return the schema that the service accepts, with what it cannot enforce as descriptions."""
    parsed: dict[str, Any] = msgspec.json.decode(schema)
    return transform_schema(parsed)


@lru_cache(maxsize=64)
def _tools(offer: str) -> dict[str, Any]:
    """Return the arguments of a call that offer tools. Forcing one is refused by the models."""
    parsed = offered(offer)
    tools = [
        {"name": one.name, "description": one.description, "input_schema": one.schema}
        for one in parsed.tools
    ]
    return {"tools": tools, "tool_choice": {"type": "auto" if parsed.may_call else "none"}}


def _messages(request: Request, feedback: str) -> list[dict[str, Any]]:
    """Return the messages: the prompt, then each exchange as the model's and the tools' part."""
    prompt = request.prompt
    if not request.exchanges:
        content = f"{prompt}\n\n{again(feedback)}" if feedback else prompt
        return [{"role": "user", "content": content}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    for one in exchanged(request.exchanges):
        messages += _exchange(one)
    if feedback:
        messages[-1]["content"].append({"type": "text", "text": again(feedback)})
    return messages


def _exchange(one: ToolExchange) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": one.text}] if one.text.strip() else []
    called = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in one.calls
    ]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": result.id,
            "content": result.content,
            "is_error": result.error,
        }
        for result in one.results
    ]
    return [
        {"role": "assistant", "content": [*said, *called]},
        {"role": "user", "content": results},
    ]


def _calls(blocks: list[_Block]) -> list[dict[str, Any]]:
    return [
        {"id": block.id, "name": block.name, "arguments": block.input}
        for block in blocks
        if block.type == "tool_use"
    ]
