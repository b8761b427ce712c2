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
        finish = "length" if message.stop_reason == "max_tokens" else message.stop_reason
        return Completion(text, usage, message.model, finish or "stop")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def _created(self, request: Request, feedback: str) -> bytes:
        prompt = f"{request.prompt}\n\n{again(feedback)}" if feedback else request.prompt
        try:
            raw = await self._client.messages.with_raw_response.create(
                model=request.model,
                max_tokens=request.max_tokens,
                system=request.system,
                messages=[{"role": "user", "content": prompt}],
                output_config={"format": {"type": "json_schema", "schema": _form(request.schema)}},
            )
            return raw.http_response.content
        except Exception as error:  # an SDK may raise anything for an unexpected response
            failure = http_errors.of_error(error, self._key)
        raise failure  # without its cause, which holds the request's headers and so the key


@lru_cache
def _form(schema: str) -> dict[str, Any]:
    """Return the schema that the service accepts, with what it cannot enforce as descriptions."""
    parsed: dict[str, Any] = msgspec.json.decode(schema)
    return transform_schema(parsed)
