"""Text from outside stays a quotation, and no answer that obeys it gains a field or a target."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from qe_plugins.fleet.aggregate import Vote, pool
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.prompts.answers import (
    Finding,
    GuardianVerdict,
    NodeAnswer,
    Verdict,
    answer_type,
)
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.prompts.requests import (
    CLOSE,
    NEWS,
    OPEN,
    REASON,
    Renderer,
    RequestBuilder,
    TableRow,
    quoted,
)
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.publish import message
from qe_plugins.fleet.tasks import snapshot_loader
from qe_plugins.fleet.tasks.task_list import TaskList
from qe_plugins.fleet.tree import Level, Node
from qe_plugins.llm.providers.base import Completion
from qe_plugins.llm.providers.offline import Offline
from qe_plugins.llm.requests import Usage, decode
from qe_plugins.plugins.types import Role
from tests.fleet.conftest import market
from tests.fleet.injections import INJECTIONS
from tests.fleet.tasks.test_task_list import ALL

EVERY = pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
CALM = "The market was quiet."
NAME = "MESH24.XCME"


def shape(prompt: str) -> list[str]:
    """Return a prompt's lines with what is quoted left out."""
    lines = []
    for line in prompt.split("\n"):
        before, opened, rest = line.partition(OPEN)
        lines.append(before + rest.rpartition(CLOSE)[2] if opened else line)
    return lines


def table(reason: str, name: str = NAME, *, masked: bool = True) -> str:
    votes = [Vote(f"{name} 1m", score, 0.5, reason) for score in (0.9, 0.8, -0.9, -0.8)]
    whole = pool(votes, Counter(), 0.44)
    answer = NodeAnswer(score=0.1, confidence=0.5, reason=reason)
    return Renderer(Mask((name,), masked)).table([TableRow("1", whole, answer)], whole)


def test_there_are_at_least_thirty_texts():
    assert len(set(INJECTIONS)) >= 30


@EVERY
def test_a_quotation_is_one_line_of_bounded_length_with_one_end(text):
    line = quoted("news", text, NEWS)

    assert line.count(OPEN) == line.count(CLOSE) == 1
    assert line.endswith(CLOSE)
    assert len(line.splitlines()) == 1
    assert len(line) <= NEWS + len("news «»")
    assert line.isprintable()


@EVERY
def test_a_headline_changes_nothing_of_a_prompt_but_its_quotation(text):
    known = market()
    task = TaskList(ALL, known)[0]
    mask = Mask(known.instruments)

    assert shape(Renderer(mask, (text,)).task(task)) == shape(Renderer(mask, (CALM,)).task(task))


@EVERY
def test_another_models_words_change_nothing_of_a_table_but_their_quotations(text):
    assert shape(table(text)) == shape(table(CALM))
    assert max(map(len, table(text).split("\n"))) <= 2 * REASON


@EVERY
def test_an_instruments_name_changes_nothing_of_a_prompt(text):
    known, calm = market(names=(text,)), market()
    for masked in (True, False):
        evil = Renderer(Mask(known.instruments, masked))
        good = Renderer(Mask(calm.instruments, masked))
        for number in (0, 12, 16):
            told = evil.task(TaskList(ALL, known)[number])
            assert shape(told) == shape(good.task(TaskList(ALL, calm)[number]))
        assert shape(table(CALM, text, masked=masked)) == shape(table(CALM, masked=masked))


@EVERY
def test_no_text_from_outside_reaches_the_words_that_do_not_change(text, small):
    fleet = small(mask_market=False).fleet
    evil, good = (RequestBuilder(fleet, market(), (one,)) for one in (text, CALM))
    worker = Node((1, 1, 1, 1))
    asked, calm = (one.for_worker(worker, one.task(worker)) for one in (evil, good))

    for name in ("system", "schema", "schema_name", "model", "provider", "max_tokens", "role"):
        assert getattr(asked, name) == getattr(calm, name)


@pytest.mark.parametrize("kind", [Finding, Verdict, GuardianVerdict])
def test_an_answer_with_more_fields_than_asked_for_loses_them(kind):
    extra = b'"order":{"side":"BUY"},"target":"NQ","contracts":99,"role":"GUARDIAN"'
    text = b'{"score":1,"confidence":1,"reason":"r","halt":false,"risk":1,' + extra + b"}"
    answer = decode(text.decode(), kind)

    assert set(kind.__struct_fields__) <= {"score", "confidence", "reason", "halt", "risk"}
    assert not hasattr(answer, "order")
    assert not hasattr(answer, "target")


@pytest.mark.parametrize(
    "text",
    [
        '{"score": 2, "confidence": 1, "reason": "r"}',
        '{"score": "1", "confidence": 1, "reason": "r"}',
        '{"score": 1, "confidence": 7, "reason": "r"}',
        '{"score": 1, "confidence": 1}',
        '{"score": 1, "confidence": 1, "reason": ""}',
        '{"score": 1, "confidence": 1, "reason": "%s"}' % ("r" * 281),
        '[{"score": 1, "confidence": 1, "reason": "r"}]',
        "BUY 100 ES",
        "",
        '{"score": NaN, "confidence": 1, "reason": "r"}',
    ],
)
def test_nothing_outside_an_answers_bounds_is_let_in_or_bent_to_fit(text):
    with pytest.raises(msgspec.DecodeError):
        decode(text, Finding)


def test_only_a_guardians_coordinator_can_speak_of_halting():
    types = {
        (level, role): answer_type(level, role)
        for level in Level
        for role in Role
        if role is not Role.SYSTEM
    }

    assert [at for at, kind in types.items() if kind is GuardianVerdict] == [
        (Level.COORDINATOR, Role.GUARDIAN)
    ]


class Obedient(Offline):
    """Does what the text in its prompt says, in the worst way: every field anybody ever wished."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def complete(self, request, feedback=""):
        answer = {
            "score": 1,
            "confidence": 1,
            "reason": self._text[:280] or "-",
            "halt": False,
            "risk": 1,
            "target": "NQH25.XCME",
            "instrument": "NQH25.XCME",
            "order": {"side": "BUY", "quantity": 100},
            "kind": "posture",
            "role": "GUARDIAN",
            "sender": "2",
            "sequence": 99,
            "max_contracts": 1_000,
            "type": "order",
        }
        return Completion(msgspec.json.encode(answer).decode(), Usage(), "obedient")


@EVERY
def test_a_model_that_obeys_gains_neither_target_nor_authority(text, small, monkeypatch, tmp_path):
    monkeypatch.setattr(lifecycle, "open_providers", lambda names, **_: {"offline": Obedient(text)})
    monkeypatch.setattr(snapshot_loader, "open_market", lambda loaded: market())
    news = tmp_path / "news.jsonl"
    news.write_bytes(msgspec.json.encode({"ts": "2023-11-01T00:00:00Z", "text": text}))
    lifecycle.run(lifecycle.begin(small(news=str(news), mask_market=False)))
    outcomes = store.find("last")[1].outcomes()
    with Outbox() as bus:
        [said] = bus.read()

    assert {one.target for one in outcomes.values()} == {"", f"{NAME} 1m", f"{NAME} 5m"}
    assert all(one.answer is None or one.answer.halt is None for one in outcomes.values())
    assert (said.kind, said.role, said.sender, said.sequence) == ("finding", Role.HUNTER, "1", 1)
    assert {pick.target for pick in said.body.targets} == {f"{NAME} 1m", f"{NAME} 5m"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.GUARDIAN])
def test_no_other_role_publishes_a_posture_whatever_its_model_says(role):
    whole = pool([Vote("A 1m", 1.0, 1.0, "r")], Counter(), 0.44)
    answer = NodeAnswer(score=1, confidence=1, reason="r", halt=False, risk=1.0)

    assert (
        message("s", role, NodeOutcome(node="1", aggregate=whole, answer=answer)).kind != "posture"
    )
