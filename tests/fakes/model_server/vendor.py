"""The vendor behind both interfaces: slots, faults, caches, tokens, and the bill."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from typing import Any

import msgspec

from tests.fakes.model_server import coordinators, model
from tests.fakes.model_server.bill import Bill
from tests.fakes.model_server.profile import Profile, chance

BLOCK = 64  # tokens: caches hold whole blocks
DEEP = 20_000  # levels of nesting
THOUGHTS = 1_000  # tokens of reasoning where it is not turned off
UNPAID = (
    *("rate_limited", "unavailable", "surrogate_400", "retry_nan", "no_money", "no_quota"),
    *("renamed", "outage"),
)
SECRET = 5  # how many times its visible answer a model reasons, where that is not in the usage
DEARER = {"deepseek-flash": "claude-sonnet-5-5"}
"""The model that answers in another's place."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the vendor understands it, whichever interface it came by."""

    digest: str
    model: str
    prefix: str
    prompt: str
    schema: dict[str, Any] | None
    max_tokens: int
    thinks: bool = False
    tools: tuple[dict[str, Any], ...] = ()
    results: tuple[str, ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor has to say; `fault` tells the interface what to do wrong."""

    fault: str | None = None
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    text: str = ""
    finish: str = "stop"
    model: str = ""
    prompt: int = 0
    cached: int = 0
    output: int = 0


class Vendor:
    """Takes calls from both interfaces."""

    def __init__(self, profile: Profile, bill: Bill) -> None:
        self.profile, self.bill = profile, bill
        self.busy = self.most_busy = 0
        self._plays = profile.plays
        self._began = 0.0
        self._sent: Counter[str] = Counter()
        self._cached: set[str] = set()

    async def reply(self, call: Call) -> Reply:
        """Return the reply after its latency, charged for, also to a caller that hung up."""
        nth = self._sent[call.digest]
        self._sent[call.digest] += 1
        fault = self.profile.fault(call.digest, nth)
        fault = self._outage(call, nth) or fault
        if self.busy >= self.profile.slots:
            fault = "rate_limited"
        if fault in UNPAID:
            self.bill.note(call.digest, call.model, fault, (0, 0, 0))
            return Reply(fault=fault)
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            stalls = fault == "stalled"
            seconds = self.profile.stall if stalls else self.profile.takes(call.digest, nth)
            if seconds:
                await asyncio.sleep(seconds)
            return self._charged(call, fault)
        finally:
            self.busy -= 1

    def _charged(self, call: Call, fault: str | None) -> Reply:
        text, finish = self._text(call, fault)
        calls = self._calls(call) if finish == "stop" and fault is None else ()
        played = coordinators.turn(call.prefix, call.prompt, call.results) if self._plays else None
        if played is not None and fault is None:
            calls = tuple(played[0]) if call.tools else ()
            text = text if calls or not played[1] else msgspec.json.encode(played[1]).decode()
        if calls:
            text, finish = "", "tools"
        output = self.profile.output_tokens or tokens(text)
        prompt, cached = self._prompt(call)
        output = min(output, call.max_tokens) + (THOUGHTS if call.thinks else 0)
        if fault == "ignores_max_tokens":
            output = 3 * call.max_tokens
        secret = SECRET * output if fault == "usage_reasoning" else 0
        model = DEARER.get(call.model, call.model) if fault == "other_model" else call.model
        self.bill.note(call.digest, model, fault or "answered", (prompt, cached, output + secret))
        return Reply(
            fault=fault,
            calls=calls,
            text=text,
            finish=finish,
            model=model,
            prompt=prompt,
            cached=cached,
            output=output,
        )

    def _calls(self, call: Call) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Return the tools that the model calls in this turn, by how many it has called before."""
        wanted = self.profile.tools
        if not call.tools or (len(call.results) >= len(wanted) > 0 and not self.profile.endless):
            return ()
        if not wanted:
            return ()
        name, arguments = wanted[min(len(call.results), len(wanted) - 1)]
        return ((name, arguments),)

    def _outage(self, call: Call, nth: int) -> str | None:
        """Return what is wrong with every call of the first seconds, or with a part of them."""
        profile, now = self.profile, asyncio.get_running_loop().time()
        self._began = self._began or now
        if now - self._began >= profile.outage:
            return None
        if not profile.outage_503:
            return "outage"
        at = chance(profile.seed, call.digest, nth, "outage")
        return "unavailable" if at < profile.outage_503 else None

    def _text(self, call: Call, fault: str | None) -> tuple[str, str]:
        match fault:
            case "blank":
                return " " * 40, "stop"
            case "prose":
                return "The window looks bullish to me, I would say LONG.", "stop"
            case "invalid":
                return '{"score": "very", "unexpected": 1}', "stop"
            case "refused":
                return "", "refusal"
            case "deep_text":
                return '{"a":' * DEEP + "1" + "}" * DEEP, "stop"
            case "duplicate_keys":
                text = model.answer(call.schema or {"type": "object"}, call.digest)
                return f'{{"score": 0.1, {text[1:]}', "stop"
        text = model.answer(call.schema or {"type": "object"}, call.digest, self.profile.says)
        if tokens(text) > call.max_tokens:
            return text[: 4 * call.max_tokens], "length"
        return text, "stop"

    def _prompt(self, call: Call) -> tuple[int, int]:
        prefix = tokens(call.prefix)
        cached = prefix // BLOCK * BLOCK if call.prefix in self._cached else 0
        self._cached.add(call.prefix)
        return prefix + tokens(call.prompt), cached


def tokens(text: str) -> int:
    """Return how many tokens this vendor makes of a text."""
    return len(text.encode()) // 4 + 1


def digest(body: bytes) -> str:
    """Return the SHA-256 of a body, hex."""
    return hashlib.sha256(body).hexdigest()
