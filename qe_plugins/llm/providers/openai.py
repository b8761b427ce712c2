"""Any service that speaks OpenAI's chat completions, with its own SDK's address and headers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

import msgspec
from openai import AsyncOpenAI, omit

from qe_plugins.llm.providers import http_errors
from qe_plugins.llm.providers.base import Completion, Refusal, Truncated
from qe_plugins.llm.providers.transport import DROPPED_HEADERS, DirectClient, envelope
from qe_plugins.llm.requests import Request, Usage, again, json_only
from qe_plugins.llm.tools import exchanged, offered, turn_text

BROKEN_OFF = ("insufficient_system_resource", "error")
"""Why a service ended a completion that is not to be used."""


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Parts(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Parts | None = None

    def said(self) -> Usage:
        details = self.prompt_tokens_details
        cached = self.prompt_cache_hit_tokens or (details.cached_tokens if details else 0) or 0
        return Usage(self.prompt_tokens, cached, self.completion_tokens)

    def odd(self) -> tuple[str, int]:
        """Return the contradiction in the usage, and the output tokens that it omits."""
        parts = self.completion_tokens_details
        reasoning = (parts.reasoning_tokens if parts else 0) or 0
        added = self.prompt_tokens + self.completion_tokens
        beyond = max((self.total_tokens or added) - added, 0)
        if reasoning > self.completion_tokens or (reasoning and beyond):
            return "reasoning beside the completion", max(reasoning, beyond)
        if self.total_tokens is not None and self.total_tokens != added:
            return "a total that does not add up", beyond
        return "", 0


class _Function(msgspec.Struct):
    name: str
    arguments: str


class _Call(msgspec.Struct):
    id: str
    function: _Function

    def plain(self) -> dict[str, Any]:
        """Return the call; arguments that are no JSON stay text, which no Turn accepts."""
        try:
            arguments = msgspec.json.decode(self.function.arguments or "{}")
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            arguments = self.function.arguments
        return {"id": self.id, "name": self.function.name, "arguments": arguments}


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    error: Any = None


class _Chat(msgspec.Struct):
    model: str
    choices: list[_Choice]
    usage: _Usage
    error: Any = None


_DECODER = msgspec.json.Decoder(_Chat)


class OpenAI:
    """One shared client. `extra_body`, a service's own options, is sent with each request."""

    def __init__(
        self,
        key: str,
        base_url: str,
        *,
        connections: int,
        extra_body: dict[str, Any] | None = None,
    ) -> None:
        self._key, self._extra = key, extra_body or {}
        self._client = DirectClient(connections)
        sdk = AsyncOpenAI(
            api_key=key,
            base_url=base_url,
            default_headers=cast(dict[str, str], dict.fromkeys(DROPPED_HEADERS, omit)),
            http_client=self._client,
        )
        given = {**sdk.auth_headers, **sdk.default_headers}
        self._url = str(sdk.base_url.join("chat/completions"))
        self._headers = {name: value for name, value in given.items() if isinstance(value, str)}

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return one completion in JSON mode. Raises ProviderFailure."""
        content = await self._posted(request, feedback)
        chat = envelope(content, _DECODER, "a chat completion", self._key)
        return _completion(chat, self._key, tools=bool(request.tools))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _posted(self, request: Request, feedback: str) -> bytes:
        """Return the body of the response to one POST: the bytes that the SDK would send.

        The SDK's own methods build address, headers and options again for each call, which takes
        more than twice the processor time of sending it.
        """
        try:
            content = body(request, feedback, self._extra)
            return await self._client.fetch(
                "POST", self._url, content=content, headers=self._headers
            )
        except Exception as error:  # a library may raise anything for an unexpected response
            failure = http_errors.of_error(error, self._key)
        raise failure  # without its cause, which holds the request's headers and so the key


def body(request: Request, feedback: str, extra: dict[str, Any]) -> bytes:
    """Return the exact body; the part that requests of one kind share comes first."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": json_only(request)},
        {"role": "user", "content": request.prompt},
        *_exchanges(request.exchanges),
    ]
    if feedback:
        messages.append({"role": "user", "content": again(feedback)})
    return msgspec.json.encode(
        {
            "model": request.model,
            "messages": messages,
            "max_tokens": request.max_tokens,
            "response_format": {"type": "json_object"},
            **(_tools(request.tools) if request.tools else {}),
            **extra,
        }
    )


@lru_cache(maxsize=64)
def _tools(offer: str) -> dict[str, Any]:
    parsed = offered(offer)
    functions = [
        {"name": one.name, "description": one.description, "parameters": one.schema}
        for one in parsed.tools
    ]
    tools = [{"type": "function", "function": one} for one in functions]
    return {"tools": tools, "tool_choice": "auto" if parsed.may_call else "none"}


def _exchanges(text: str) -> Iterator[dict[str, Any]]:
    """Yield the messages of the exchanges so far: the model's calls, then a result for each."""
    for one in exchanged(text) if text else ():
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": msgspec.json.encode(call.arguments).decode(),
                },
            }
            for call in one.calls
        ]
        yield {"role": "assistant", "content": one.text or None, "tool_calls": calls}
        for result in one.results:
            content = f"error: {result.content}" if result.error else result.content
            yield {"role": "tool", "tool_call_id": result.id, "content": content}


def _completion(chat: _Chat, key: str, *, tools: bool) -> Completion:
    usage, (odd, more) = chat.usage.said(), chat.usage.odd()
    if chat.error or not chat.choices:
        told = f": {http_errors.without(key, str(chat.error))}" if chat.error else ""
        raise Truncated(f"a chat completion without choices{told}")
    choice = chat.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise Refusal(choice.message.refusal or "stopped by the content filter", usage=usage)
    if choice.error or choice.finish_reason in BROKEN_OFF:
        raise Truncated(f"the service broke off: {choice.finish_reason}", usage=usage)
    text = choice.message.content or ""
    if tools:
        text = turn_text([one.plain() for one in choice.message.tool_calls or ()], text)
    return Completion(
        text,
        usage,
        chat.model,
        choice.finish_reason or "stop",
        odd,
        more,
    )
