"""Whatever a server answers, a call ends in a completion or in a typed failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.providers.anthropic import Anthropic
from qe_plugins.llm.providers.base import Completion, Provider, ProviderFailure
from qe_plugins.llm.providers.openai import OpenAI
from qe_plugins.llm.requests import Failure
from tests.llm.asks import KEY, Finding, anthropics, client, request

pytestmark = pytest.mark.anyio

GOOD = {"score": 0.5, "side": "LONG", "reason": "it says so"}
TEXT = msgspec.json.encode(GOOD).decode()


def chat(text: Any = TEXT, **changes: Any) -> dict[str, Any]:
    """Return a good chat completion, changed."""
    return {
        "model": "deepseek-flash",
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 30, "total_tokens": 230},
        **changes,
    }


def message(text: Any = TEXT, **changes: Any) -> dict[str, Any]:
    """Return a good message, changed."""
    return {
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": 200, "output_tokens": 30},
        "stop_reason": "end_turn",
        **changes,
    }


type Odd = tuple[int, dict[str, str], bytes, Failure | None]
"""A status, headers, bytes, and what the call ends in: None is an answer."""

CUT, SERVER, BAD, LIMITED = Failure.CUT, Failure.SERVER, Failure.BAD_REQUEST, Failure.RATE_LIMITED
TIMEOUT, INVALID, BLANK = Failure.TIMEOUT, Failure.INVALID, Failure.BLANK
DEEP = 100_000
NUMBERS = (-1, 0, 9 * 10**18, 10**15)
"""Counts of tokens that are none: the answer is taken, the account is not."""

STATUSES: list[Odd] = [
    *((status, {}, b"", BAD) for status in (301, 302, 304, 400, 401, 402, 403, 404, 405, 409)),
    *((status, {}, b"<html>", BAD) for status in (410, 413, 415, 418, 422, 431, 451)),
    *((status, {}, b"", TIMEOUT) for status in (408, 499, 504, 524, 598, 599)),
    *((status, {}, b"<html>", CUT) for status in (502, 520)),
    *((status, {}, b"{}", SERVER) for status in (500, 501, 503, 505, 507, 521, 522, 523, 530)),
    *((status, {}, b"[]", LIMITED) for status in (429, 529)),
    *((status, {}, b"null", CUT) for status in (201, 202, 206)),
]
WAITS = (
    *("nan", "inf", "-inf", "-5", "1e400", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"),
    *("Thu, 99 Foo 9999", "0x10", "9" * 400, "1,5", "Sat, 28 Nov 2026 23:59:59 +9999"),
)
RETRIES: list[Odd] = [(429, {"Retry-After": wait}, b"{}", LIMITED) for wait in WAITS]
ERRORS: list[Odd] = [
    (400, {}, b'{"error": {"message": "bad \\ud83d here"}}', BAD),
    (400, {}, b'{"error": {"message": "\xff\xfe"}}', BAD),
    (400, {}, b'{"error":' * DEEP, BAD),
    (400, {}, b"[" * DEEP, BAD),
    (400, {}, b'{"error": "a string"}', BAD),
    (400, {}, b'{"error": ["a", "list"]}', BAD),
    (400, {}, b'{"error": {"message": {"an": "object"}, "code": 1.5}}', BAD),
    (400, {}, b"x" * 3_000_000, BAD),
    (400, {"Content-Type": "text/html; charset=klingon"}, b"\xff", BAD),
    (400, {"Content-Encoding": "gzip"}, b"not packed", CUT),
    (429, {}, b'{"error": {"code": "insufficient_quota", "message": "pay"}}', BAD),
    (400, {}, b'{"error": {"message": "Your credit balance is too low"}}', BAD),
    (500, {}, b'{"error": {"message": null}}', SERVER),
    (503, {"Retry-After": "nan"}, b"\x00\x00", SERVER),
]
ENVELOPES = (
    *(b"", b" ", b"\x00", b"null", b"true", b"7", b'"text"', b"[]", b"{}", b"<html></html>"),
    *(b"data: {}\n\n", b"\xff\xfe\x00", b'{"a":' * DEEP, b"[" * DEEP, b"NaN", b"{'a': 1}"),
    *(b'{"error": {"message": "upstream"}}', b'{"status": "ok"}', b'{"model": null}'),
    *(b'{"model": "x", "model": "y"}', b'\xef\xbb\xbf{"a": 1}', b'{"a": "\\ud83d"}'),
)
BODIES: list[Odd] = [(200, {}, body, CUT) for body in ENVELOPES]


def encoded(body: Any) -> bytes:
    return msgspec.json.encode(body)


def of_both(good: Any, usage: str, output: str) -> list[Odd]:
    """Return what is odd about an envelope that is otherwise good."""
    whole = encoded(good())
    no_numbers: tuple[Any, ...] = (None, "many", 1.5, [], {"a": 1}, True)
    return [
        (200, {}, whole, None),
        (200, {}, encoded(good(model=7)), CUT),
        (200, {}, encoded(good(usage=None)), CUT),
        (200, {}, encoded(good(usage=[])), CUT),
        (200, {}, whole[:-9], CUT),
        (200, {}, whole + whole, CUT),
        (200, {}, whole.replace(b"it says so", b"\xff\xfe"), CUT),
        (200, {}, whole.replace(b"it says so", b"\\ud83d"), CUT),
        (200, {}, whole.replace(b'"usage":', b'"usage":{},"usage":'), CUT),
        (200, {}, encoded(good(text=7)), CUT),
        (200, {}, encoded(good(text="")), BLANK),
        (200, {}, encoded(good(text=" \n\t ")), BLANK),
        (200, {}, encoded(good(text="\u200b")), INVALID),
        (200, {}, encoded(good(text="LONG")), INVALID),
        (200, {}, encoded(good(text="[" * DEEP)), INVALID),
        (200, {}, encoded(good(text='{"a":' * DEEP + "1" + "}" * DEEP)), INVALID),
        (200, {}, encoded(good(text=TEXT[:-5])), INVALID),
        (200, {}, encoded(good(text=TEXT.replace("0.5", "NaN"))), INVALID),
        (200, {}, encoded(good(text=TEXT.replace("0.5", "7"))), INVALID),
        (200, {}, encoded(good(text=TEXT.replace("0.5", '"0.5"'))), INVALID),
        (200, {}, encoded(good(text=f'{{"score": -0.5, {TEXT[1:]}')), INVALID),
        (200, {}, encoded(good(text=f"```json\n{TEXT}\n```")), INVALID),
        (200, {}, encoded(good(text=TEXT.replace("it says so", "x" * 81))), INVALID),
        (200, {}, encoded(good(text=TEXT.replace("it says so", "\\ud83d"))), INVALID),
        *((200, {}, encoded(good(usage={usage: 200, output: n})), CUT) for n in no_numbers),
        *((200, {}, encoded(good(usage={usage: 200, output: n})), None) for n in NUMBERS),
    ]


OPENAI: list[Odd] = [
    *of_both(chat, "prompt_tokens", "completion_tokens"),
    (200, {}, encoded(chat(choices=[])), CUT),
    (200, {}, encoded(chat(choices=None)), CUT),
    (200, {}, encoded(chat(choices={})), CUT),
    (200, {}, encoded(chat(choices=[None])), CUT),
    (200, {}, encoded(chat(choices=[{}])), CUT),
    (200, {}, encoded(chat(choices=[{"message": None}])), CUT),
    (200, {}, encoded(chat(error={"code": 502, "message": "no"})), CUT),
    (200, {}, encoded(chat(choices=[{"message": {}, "finish_reason": "error"}])), CUT),
    (200, {}, encoded(chat(choices=[{"message": {"refusal": "no"}}])), Failure.REFUSED),
    (200, {}, encoded(chat(choices=[{"message": {"content": None}}])), BLANK),
]
ANTHROPIC: list[Odd] = [
    *of_both(message, "input_tokens", "output_tokens"),
    (200, {}, encoded(message(content=None)), CUT),
    (200, {}, encoded(message(content={})), CUT),
    (200, {}, encoded(message(content=[])), BLANK),
    (200, {}, encoded(message(content=[{"type": "tool_use"}])), BLANK),
    (200, {}, encoded(message(stop_reason="refusal")), Failure.REFUSED),
    (200, {}, b'{"type": "error", "error": {"type": "overloaded_error"}}', CUT),
]
COMMON = [*STATUSES, *RETRIES, *ERRORS, *BODIES]


def reply(odd: Odd) -> bytes:
    status, headers, body, _ = odd
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= {"Connection": "close"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Odd\r\n{head}\r\n".encode() + (b"" if status == 304 else body)


@contextlib.asynccontextmanager
async def odd_server(table: list[Odd]) -> AsyncIterator[str]:
    """Answer the n-th request of a table with its n-th reply; a request names its number."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        asked = await reader.readexactly(length)
        number = int(asked.split(b"case ")[1].split(b".")[0])
        writer.write(reply(table[number]))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("table", "asks", "sdk"),
    [([*COMMON, *OPENAI], request, OpenAI), ([*COMMON, *ANTHROPIC], anthropics, Anthropic)],
    ids=["openai", "anthropic"],
)
async def test_nothing_escapes_from_a_provider_but_its_failure(table, asks, sdk):
    assert len(table) > 80
    async with odd_server(table) as url:
        provider: Provider = sdk(KEY, url, connections=10)
        for number, odd in enumerate(table):
            asked = asks(prompt=f"case {number}. json", provider="any")
            try:
                ended: Any = await provider.complete(asked)
            except ProviderFailure as failure:
                ended = failure.kind
                detail = failure.detail.encode()  # it can be written
                assert len(detail) < 2_000
                wait = failure.retry_after
                assert wait is None or 0 <= wait <= 60
            said = (number, odd[0], odd[1], odd[2][:80])
            if odd[3] in (None, INVALID, BLANK):
                assert isinstance(ended, Completion), said
            else:
                assert ended is odd[3], said
        await provider.aclose()


@pytest.mark.parametrize(
    ("table", "asks"),
    [([*COMMON, *OPENAI], request), ([*COMMON, *ANTHROPIC], anthropics)],
    ids=["openai", "anthropic"],
)
async def test_each_is_settled_in_the_ledger_and_none_takes_another_along(table, asks, tmp_path):
    """All at once, so that they share transactions. Not so many cuts that the circuit opens."""
    cuts = [odd for odd in table if odd[0] == 200 and odd[3] is CUT]
    chosen = [odd for odd in table if odd[0] == 200 and odd[3] is not CUT] + cuts[-8:]
    async with odd_server(chosen) as url, client(url) as asking:
        found = await asyncio.gather(
            *(
                asking.ask(asks(prompt=f"case {number}. json"), Finding)
                for number in range(len(chosen))
            )
        )
    for settled, odd in zip(found, chosen, strict=True):
        assert settled.failure is odd[3], odd[2][:80]
    with Ledger() as ledger:
        [row] = ledger.costs("scan")
    assert row.open == 0
    assert row.in_doubt == 0
    assert sum(one.usd for one in found) == row.usd
