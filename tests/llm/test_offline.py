"""The embedded provider answers by rule: any schema, from the task's own numbers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from qe_plugins.llm.providers.offline import Offline, lean
from qe_plugins.llm.requests import Request, decode, schema_text

pytestmark = pytest.mark.anyio


class Finding(msgspec.Struct, frozen=True):
    score: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    side: Literal["LONG", "SHORT", "FLAT"]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    reason: Annotated[str, msgspec.Meta(max_length=12)]
    contracts: Annotated[int, msgspec.Meta(ge=1, le=5)]


class Report(msgspec.Struct, frozen=True):
    findings: Annotated[list[Finding], msgspec.Meta(min_length=2)]
    edge: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    note: str | None
    agreed: bool
    pair: tuple[int, int] = (1, 2)


def request(prompt: str, answer: type = Finding) -> Request:
    return Request(
        provider="offline",
        model="offline-rules",
        system="You judge a window of bars.",
        prompt=prompt,
        schema_name=answer.__name__,
        schema=schema_text(answer),
    )


async def answered(prompt: str, answer: type = Finding):
    completion = await Offline().complete(request(prompt, answer))
    return decode(completion.text, answer), completion


@pytest.mark.parametrize(
    ("momentum", "side"), [("0.8", "LONG"), ("-0.8", "SHORT"), ("0.001", "FLAT")]
)
async def test_the_sign_of_momentum_makes_the_side(momentum, side):
    finding, _ = await answered(f"momentum: {momentum}, closes: 5 4 3")

    assert finding.side == side


async def test_a_score_follows_the_number_on_the_schemas_own_scale():
    up, _ = await answered("momentum=0.5")
    down, _ = await answered("momentum=-0.5")

    assert up.score == -down.score > 0
    assert up.confidence == down.confidence > 0
    assert len(up.reason) <= 12


async def test_every_answer_says_that_it_came_from_no_model():
    _, completion = await answered("momentum: 0.5")

    assert msgspec.json.decode(completion.text)["provider"] == "offline"
    assert completion.model == "offline-rules"


async def test_nested_answers_are_filled_to_their_bounds():
    for prompt in ("momentum: 99", "momentum: -99", "momentum: 0", ""):
        report, _ = await answered(prompt, Report)
        assert len(report.findings) == 2


def test_without_a_named_number_the_last_against_the_first_tells():
    assert lean("closes 100 101 102") > 0 > lean("closes 102 101 100")
    assert lean("no numbers") == 0
