"""What a model does that plays a coordinator: several turns with several tools, then its answer.

Each is a generator: it gets the inputs of its session, yields the tool calls of a turn, receives
their results (None where a tool refused), and returns its answer. What it says rests on what it was
shown, so that its figures hold.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any

type Calls = list[tuple[str, dict[str, Any]]]
type Play = Generator[Calls, list[Any], dict[str, Any]]

BEGIN = "Inputs:\n"


def hunter(given: dict[str, Any]) -> Play:
    yield [("instruments", {}), ("news", {}), ("lessons", {})]
    name = given["instruments"][0]
    window = {"instrument": name, "bars": 60}
    found = yield [("features", window | {"timeframe": one}) for one in ("1m", "5m", "15m")]
    others: Calls = [("bars", window | {"timeframe": "5m"}), ("messages", {})]
    if given["captains"]:
        others.append(("deploy", {"domains": given["captains"]}))
    yield others
    facts = found[1] or found[0]
    if facts is None or abs(facts["momentum"]) < 0.3:
        return {"signals": []}
    proposed = {
        "instrument": name,
        "timeframe": "5m" if found[1] else "1m",
        "side": "long" if facts["momentum"] > 0 else "short",
        "confidence": 0.55,
        "stop": 4.0,
        "reward": 1.5,
        "horizon": 90,
        "expires": 30,
        "reason": f"momentum {facts['momentum']:g} with trend_t {facts['trend_t']:g}",
    }
    return {"signals": [proposed]}


def guardian(given: dict[str, Any]) -> Play:
    yield [("positions", {}), ("posture", {}), ("news", {})]
    name, code = given["instruments"][0], given["code"]
    window = {"instrument": name, "timeframe": "1m", "bars": 60}
    facts, _, _ = yield [
        ("features", window),
        ("journal", {"kind": "veto", "limit": 10}),
        ("messages", {"sender": "HUNTER"}),
    ]
    place = 0.5 if facts is None else facts["place"]
    return {
        "part": code["part"],
        "long": place < 0.95,
        "short": place > 0.05,
        "halt": code["halt"],
        "minutes": min(given["minutes_at_most"], 45),
        "reason": f"place {place:g}: no entry at the end of the range",
    }


def analyst(given: dict[str, Any]) -> Play:
    known, _ = yield [("journal", {"kind": "trade", "limit": 10}), ("lessons", {})]
    names = [one["instrument"] for one in (known or {}).get("facts", ()) if "instrument" in one]
    if names:
        rule = {"instrument": names[0], "feature": "momentum", "above": 1.0, "stop": 4.0}
        begun = yield [
            ("backtest", rule | {"side": side, "horizon": minutes})
            for side in ("long", "short")
            for minutes in (30, 90)
        ]
        yield [("backtest_results", {"jobs": [one["job"] for one in begun if one]})]
    return {
        "lessons": [
            {
                "variant": one["variant"],
                "text": f"{one['variant']}: effect {one['effect']:g} over trades {one['trades']}",
            }
            for one in given["variants"]
            if one["teaches"]
        ][:3]
    }


def arbiter(given: dict[str, Any]) -> Play:
    yield [("lessons", {}), ("messages", {}), ("journal", {"kind": "trade"})]
    return {"score": -0.2, "confidence": 0.6, "reason": "who pays for it is not said"}


def synthesis(given: dict[str, Any]) -> Play:
    yield [("journal", {"kind": one, "limit": 20}) for one in ("trade", "veto", "review")]
    yield [("messages", {}), ("lessons", {}), ("positions", {}), ("posture", {})]
    found = given["figures"]
    parts = [f"{name} {found[name]:g}" for name in ("signals", "vetoes", "trades", "lessons")]
    return {"summary": f"{', '.join(parts)}; earned {found['earned']:.2f}."}


PLAYS = {"HUNTER": hunter, "GUARDIAN": guardian, "ANALYST": analyst}
PLAYS |= {"ARBITER": arbiter, "SYNTHESIS": synthesis}


def turn(system: str, prompt: str, results: Sequence[str]) -> tuple[Calls, dict[str, Any]] | None:
    """Return the calls of the turn after some results, or the answer; None for no coordinator."""
    role = next((one for one in PLAYS if f"You are {one}." in system), None)
    if role is None or BEGIN not in prompt:
        return None
    given, _ = json.JSONDecoder().raw_decode(prompt.partition(BEGIN)[2])
    play, left = PLAYS[role](given), list(results)
    try:
        calls = next(play)
        while left:
            shown, left = left[: len(calls)], left[len(calls) :]
            calls = play.send([_data(one) for one in shown])
    except StopIteration as ended:
        return [], ended.value
    return calls, {}


def _data(result: str) -> Any:
    try:
        return json.loads(result)
    except json.JSONDecodeError:
        return None  # a refusal, in words
