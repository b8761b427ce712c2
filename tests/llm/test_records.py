"""A typed answer is as wide as its type, and a request's key depends on the exact request alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from qe_plugins.llm.requests import decode, request_key
from tests.llm.asks import Finding, request


@pytest.mark.parametrize(
    "wider",
    [
        {"score": 2.0},
        {"score": "0.9"},
        {"side": "BUY_EVERYTHING"},
        {"side": ["LONG", "SHORT"]},
        {"reason": "x" * 81},
        {"reason": {"order": "buy"}},
    ],
    ids=str,
)
def test_no_answer_is_wider_than_its_type(wider):
    said: dict[str, Any] = {"score": 0.5, "side": "LONG", "reason": "calm"} | wider

    with pytest.raises(msgspec.ValidationError):
        decode(msgspec.json.encode(said).decode(), Finding)


def test_what_a_type_does_not_name_is_dropped():
    said = '{"score": 0.5, "side": "LONG", "reason": "calm", "order": {"buy": 100}}'

    assert decode(said, Finding) == Finding(0.5, "LONG", "calm")


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "another"},
        {"system": "another"},
        {"max_tokens": 1},
        {"sample": 1},
        {"schema": "{}"},
    ],
    ids=str,
)
def test_another_request_has_another_key(changed):
    assert request_key(request(**changed)) != request_key(request())


@pytest.mark.parametrize("who", ["rank", "role", "node", "task_id"])
def test_who_asks_is_not_part_of_the_key(who):
    assert request_key(request(**{who: "somebody else"})) == request_key(request())


def test_the_key_is_the_same_in_every_process_and_year():
    plain = request(system="s", prompt="p", schema_name="n", schema="{}")

    assert request_key(plain) == (
        "5d1bc2e2b5be82708ef2e320c9d8ca6a15f890df913d1ec3f46f8622b4ea3551"
    )
