"""OpenAI's and Anthropic's interfaces over real sockets on loopback, before one vendor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.model_server import model
from tests.fakes.model_server.bill import Bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.vendor import SECRET, Call, Reply, Vendor, digest
from tests.fakes.model_server.wire import Connection, Request, Response

VERSION = "anthropic-version"


class Server:
    """Both interfaces of a vendor, by path."""

    def __init__(self, profile: Profile, bill: Path) -> None:
        self.bill = Bill(bill)
        self.vendor = Vendor(profile, self.bill)
        self._paths = {
            "/chat/completions": self.chat,
            "/v1/chat/completions": self.chat,
            "/v1/messages": self.messages,
        }

    async def answer(self, request: Request) -> Response:
        """Answer at whichever interface a request came to."""
        if request.path == "/busy":
            return Response(self.vendor.busy)
        known = self._paths.get(request.path)
        if known is None:
            return _openai_error(404, f"no such path: {request.path}")
        return await known(request)

    async def chat(self, request: Request) -> Response:
        """Answer as OpenAI's chat completions do, with DeepSeek's ways."""
        body = msgspec.json.decode(request.body)
        if refused := self._refused(_key(request)) or _bad_chat(body):
            return _openai_error(*refused)
        system, *rest = [message["content"] or "" for message in body["messages"]]
        may_call = body.get("tool_choice") != "none"
        asked = body["messages"]
        call = Call(
            digest=digest(request.body),
            model=body["model"],
            prefix=system,
            prompt="\n".join(rest),
            schema=model.shown(system),
            max_tokens=body["max_tokens"],
            thinks=body.get("thinking", {}).get("type") != "disabled",
            tools=tuple(body.get("tools", ())) if may_call else (),
            results=tuple(one["content"] for one in asked if one["role"] == "tool"),
        )
        reply = await self.vendor.reply(call)
        return self._failed(reply, _openai_error) or _sent(reply, _completion(call, reply))

    async def messages(self, request: Request) -> Response:
        """Answer as Anthropic's messages do."""
        body = msgspec.json.decode(request.body)
        if refused := self._refused(_key(request)) or _bad_message(body, request.headers):
            return _anthropic_error(*refused)
        call = Call(
            digest=digest(request.body),
            model=body["model"],
            prefix=body.get("system", ""),
            prompt="\n".join(_texts(body["messages"])),
            schema=body["output_config"]["format"]["schema"],
            max_tokens=body["max_tokens"],
            tools=tuple(body.get("tools", ()))
            if body.get("tool_choice", {}).get("type") != "none"
            else (),
            results=tuple(_results(body["messages"])),
        )
        reply = await self.vendor.reply(call)
        return self._failed(reply, _anthropic_error) or _sent(reply, _message(call, reply))

    def _refused(self, key: str) -> tuple[int, str] | None:
        wanted = self.vendor.profile.key
        if not key or (wanted is not None and key != wanted):
            return 401, f"Authentication fails, your api key {key} is invalid"
        return None

    def _failed(self, reply: Reply, error: Any) -> Response | None:
        """Return what is sent in the place of an answer, None where one is sent."""
        match reply.fault:
            case "rate_limited" | "unavailable" | "retry_nan":
                busy = reply.fault == "unavailable"
                told: Response = error(503, "Busy") if busy else error(429, "Rate limit reached")
                odd = reply.fault == "retry_nan"
                pause = "nan" if odd else f"{self.vendor.profile.retry_after:g}"
                return msgspec.structs.replace(told, headers={"Retry-After": pause})
            case "no_money":
                return error(402, "Insufficient Balance")
            case "no_quota":
                body = {
                    "error": {"message": "You exceeded your quota", "code": "insufficient_quota"}
                }
                return Response(body, 429, {"Retry-After": "1"})
            case "renamed":
                return error(404, "The model does not exist")
            case "surrogate_400":
                return Response(None, 400, raw=b'{"error": {"message": "bad \\ud83d here"}}')
            case "error_200":
                return Response({"error": {"message": "upstream failed", "code": 502}})
            case "deep_body":
                return Response(None, raw=b'{"a":' * 100_000)
            case "reset" | "outage":
                return Response(None, reset=True)
            case "http_502" | "http_504" | "http_524":
                status = int(reply.fault.removeprefix("http_"))
                return Response(None, status, raw=b"<html>Bad gateway</html>")
        return None


@contextlib.asynccontextmanager
async def serving(bill: Path, profile: Profile | None = None) -> AsyncIterator[tuple[str, Vendor]]:
    """Serve within this loop, and yield the base URL and the vendor."""
    server, connections = Server(profile or Profile(), bill), set[Connection]()
    listening = await asyncio.get_running_loop().create_server(
        lambda: Connection(server.answer, connections), "127.0.0.1", 0, backlog=4_096
    )
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", server.vendor
    finally:
        listening.close()
        for connection in list(connections):
            connection.close()
        server.bill.close()


def _key(request: Request) -> str:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or request.headers.get("x-api-key", "")


def _bad_chat(body: dict[str, Any]) -> tuple[int, str] | None:
    said = " ".join(message["content"] or "" for message in body["messages"]).lower()
    if refused := _unanswered(_chat_calls(body["messages"]), _chat_results(body["messages"])):
        return 400, refused
    if body.get("response_format", {}).get("type") == "json_object" and "json" not in said:
        return 400, "Prompt must contain the word 'json' to use 'response_format' json_object"
    if body["model"] == "deepseek-chat":
        return 404, "Model not exist: deepseek-chat was retired"
    return None


def _bad_message(body: dict[str, Any], headers: Any) -> tuple[int, str] | None:
    if headers.get(VERSION) is None:
        return 400, "anthropic-version: header is required"
    for name in ("temperature", "top_p", "top_k"):
        if name in body:
            return 400, f"{name}: Extra inputs are not permitted"
    if body.get("tool_choice", {}).get("type") in ("tool", "any"):
        return 400, "tool_choice: forced tool use is not supported on this model"
    if refused := _unanswered(_blocks(body["messages"], "tool_use"), _results_of(body)):
        return 400, refused
    if _blocks(body["messages"], "tool_use") and not body.get("tools"):
        return 400, "messages: tool_use blocks need `tools`"
    if not _closed(body["output_config"]["format"]["schema"]):
        return 400, "output_config: every object needs additionalProperties: false"
    return None


def _blocks(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the blocks of a kind in messages of Anthropic's form."""
    parts = [one["content"] for one in messages if not isinstance(one["content"], str)]
    return [block for part in parts for block in part if block["type"] == kind]


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    plain = [one["content"] for one in messages if isinstance(one["content"], str)]
    return [*plain, *(str(one) for one in _results(messages))]


def _results(messages: list[dict[str, Any]]) -> list[str]:
    return [one["content"] for one in _blocks(messages, "tool_result")]


def _results_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    found = _blocks(body["messages"], "tool_result")
    return [{"id": one["tool_use_id"]} for one in found]


def _chat_calls(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [call for one in messages for call in one.get("tool_calls") or ()]


def _chat_results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": one["tool_call_id"]} for one in messages if one["role"] == "tool"]


def _unanswered(calls: list[dict[str, Any]], results: list[dict[str, Any]]) -> str | None:
    """Return what is wrong where calls and results do not match one to one."""
    if [one["id"] for one in calls] != [one["id"] for one in results]:
        return "tool calls must be followed by their results"
    return None


def _closed(part: Any) -> bool:
    if isinstance(part, list):
        return all(map(_closed, part))
    if not isinstance(part, dict):
        return True
    if part.get("type") == "object" and part.get("additionalProperties") is not False:
        return False
    return not {"minimum", "maximum", "maxLength"} & set(part) and all(map(_closed, part.values()))


def _completion(call: Call, reply: Reply) -> dict[str, Any]:
    refused = reply.fault == "refused"
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    message["reasoning_content"] = None
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{call.digest[:12]}_{n}",
                "type": "function",
                "function": {"name": name, "arguments": msgspec.json.encode(what).decode()},
            }
            for n, (name, what) in enumerate(reply.calls)
        ]
    body = {
        "id": call.digest[:24],
        "object": "chat.completion",
        "model": reply.model,
        "system_fingerprint": "fp_new",
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "content_filter"
                if refused
                else "tool_calls"
                if reply.calls
                else reply.finish,
            }
        ],
        "usage": {
            "prompt_tokens": reply.prompt,
            "completion_tokens": reply.output,
            "total_tokens": reply.prompt + reply.output,
            "prompt_cache_hit_tokens": reply.cached,
            "prompt_cache_miss_tokens": reply.prompt - reply.cached,
            "prompt_tokens_details": {"cached_tokens": reply.cached, "audio_tokens": None},
        },
        "a_field_of_next_year": {"nobody": "knows"},
    }
    return _spoilt(body, reply)


def _message(call: Call, reply: Reply) -> dict[str, Any]:
    stops = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    stops["tools"] = "tool_use"
    used = [
        {"type": "tool_use", "id": f"toolu_{call.digest[:12]}_{n}", "name": name, "input": what}
        for n, (name, what) in enumerate(reply.calls)
    ]
    said = [{"type": "text", "text": reply.text}] if reply.text else []
    body = {
        "id": f"msg_{call.digest[:20]}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [*said, *used],
        "stop_reason": stops[reply.finish],
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.prompt - reply.cached,
            "cache_read_input_tokens": reply.cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": reply.output,
            "service_tier": "standard",
        },
        "a_field_of_next_year": {"nobody": "knows"},
    }
    return _spoilt(body, reply)


def _spoilt(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    if reply.fault == "unmetered":
        del body["usage"]
    usage = body.get("usage", {})
    names = [name for name, value in usage.items() if isinstance(value, int)]
    match reply.fault:
        case "usage_zero":
            usage |= dict.fromkeys(names, 0)
        case "usage_negative":
            usage |= {name: -usage[name] for name in names}
        case "usage_huge":
            usage |= dict.fromkeys(names, 9_000_000_000_000_000_000)
        case "usage_cached":
            usage |= {"prompt_cache_hit_tokens": 10 * reply.prompt}
            usage |= {"cache_read_input_tokens": -10 * reply.prompt}
        case "usage_reasoning":
            parts = {"reasoning_tokens": SECRET * reply.output}
            usage |= {"completion_tokens_details": parts}
            usage |= {"total_tokens": reply.prompt + (SECRET + 1) * reply.output}
    return {"status": "ok"} if reply.fault == "garbled" else body


def _sent(reply: Reply, body: dict[str, Any]) -> Response:
    if reply.fault == "bad_utf8":
        return Response(None, raw=msgspec.json.encode(body).replace(b"weighed", b"\xff\xfe"))
    return Response(body, cut=reply.fault == "cut")


def _openai_error(status: int, said: str) -> Response:
    error = {"message": said, "type": "invalid_request_error", "param": None, "code": status}
    return Response({"error": error}, status)


def _anthropic_error(status: int, said: str) -> Response:
    error = {"type": "invalid_request_error", "message": said}
    return Response({"type": "error", "error": error}, status)
