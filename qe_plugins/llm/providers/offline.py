"""The default provider: answers computed by rule from numbers in the prompt, without a model."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

import msgspec

from qe_plugins.llm.providers.base import BadRequest, Completion
from qe_plugins.llm.requests import Request, Usage

NAME = "offline"
MODEL = "offline-rules"
TREND = ("momentum", "score", "trend", "change", "return", "slope", "edge", "value")
"""Names of numbers that give the direction, in order of preference."""

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_NAMED = re.compile(rf"([A-Za-z_]+)\"?\s*[:=]\s*({_NUMBER})")
_ANY = re.compile(rf"(?<![\w.])({_NUMBER})(?![\w])")
_UP = ("long", "buy", "up", "bull", "risk_on", "accept", "approve", "normal", "yes")
_DOWN = ("short", "sell", "down", "bear", "risk_off", "reject", "reduce", "halt", "no")
_LEVEL = ("flat", "hold", "neutral", "none", "mixed", "unclear")


class Offline:
    """Answers any schema from the numbers in the prompt: the same prompt, the same answer."""

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return an answer that fits the request's schema and names its provider: `offline`."""
        answer = _answer(request.schema, lean(request.prompt))
        text = msgspec.json.encode(answer).decode()
        prompt = len(request.system) + len(request.prompt)
        return Completion(text, Usage(input=prompt // 4, output=len(text) // 4), MODEL)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


def lean(prompt: str) -> float:
    """Return which way the numbers in a prompt lean, -1 to 1.

    That is a number named as in TREND, else how far the last number lies from the first.
    """
    named = {name.lower(): float(value) for name, value in _NAMED.findall(prompt)}
    for trend in TREND:
        for name, value in named.items():
            if trend in name:
                return _squashed(value)
    numbers = [float(value) for value in _ANY.findall(prompt)]
    if len(numbers) < 2 or not numbers[0]:
        return 0.0
    return _squashed((numbers[-1] - numbers[0]) / abs(numbers[0]) * 100)


def _squashed(value: float) -> float:
    return round(math.tanh(value) * 0.999, 4)  # never at a bound, which a schema may exclude


def _answer(schema: str, leaning: float) -> Any:
    whole = _parsed(schema)
    answer = _fill(whole, whole, leaning, "")
    return {**answer, "provider": NAME} if isinstance(answer, dict) else answer


@lru_cache
def _parsed(schema: str) -> dict[str, Any]:
    parsed = msgspec.json.decode(schema)
    if not isinstance(parsed, dict):
        raise BadRequest("the schema is not a JSON object")
    return parsed


def _fill(part: dict[str, Any], whole: dict[str, Any], leaning: float, name: str) -> Any:
    """Return the value of one part of the schema that agrees with the leaning."""
    if "$ref" in part:
        return _fill(whole["$defs"][part["$ref"].rsplit("/", 1)[-1]], whole, leaning, name)
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return _choice(part["enum"], leaning)
    if choices := part.get("anyOf") or part.get("oneOf"):
        return _fill(choices[0], whole, leaning, name)
    match part.get("type"):
        case "object":
            return _object(part, whole, leaning)
        case "array":
            return _array(part, whole, leaning, name)
        case "number":
            return _number(part, leaning)
        case "integer":
            return _whole(part, leaning)
        case "boolean":
            return leaning > 0
        case "string":
            return _text(part, leaning)
        case _:
            return None


def _object(part: dict[str, Any], whole: dict[str, Any], leaning: float) -> dict[str, Any]:
    required = part.get("required", [])
    properties = part.get("properties", {})
    return {name: _fill(properties[name], whole, leaning, name) for name in required}


def _array(part: dict[str, Any], whole: dict[str, Any], leaning: float, name: str) -> list[Any]:
    items, least = part.get("items") or {}, part.get("minItems", 0)
    if first := part.get("prefixItems"):
        return [_fill(item, whole, leaning, name) for item in first]
    return [_fill(items, whole, leaning, name) for _ in range(least)]


def _number(part: dict[str, Any], leaning: float) -> float:
    """Return the leaning on the scale of the schema; its size where the scale begins at zero."""
    low = part.get("minimum", part.get("exclusiveMinimum"))
    high = part.get("maximum", part.get("exclusiveMaximum"))
    if low is None or high is None:
        return leaning if low is None or low < 0 else low + 0.001 + abs(leaning)
    if low >= 0:
        return float(round(low + (high - low) * (0.001 + abs(leaning) * 0.998), 6))
    return float(round(high * leaning if leaning > 0 else -low * leaning, 6))


def _whole(part: dict[str, Any], leaning: float) -> int:
    low = part.get("minimum", part.get("exclusiveMinimum", -math.inf) + 1)
    high = part.get("maximum", part.get("exclusiveMaximum", math.inf) - 1)
    return int(max(low, min(high, round(_number(part, leaning)))))


def _choice(values: list[Any], leaning: float) -> Any:
    wanted = _UP if leaning > 0.05 else _DOWN if leaning < -0.05 else _LEVEL
    for value in values:
        if str(value).lower() in wanted:
            return value
    return values[0]


def _text(part: dict[str, Any], leaning: float) -> str:
    text = f"offline rule: leans {leaning:+.4f}"
    return text.ljust(part.get("minLength", 0))[: part.get("maxLength", len(text))]
