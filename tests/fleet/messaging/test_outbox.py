"""The bus: once written, in its sender's order, heard at least once."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.errors import FleetError
from qe_plugins.fleet.aggregate import Vote, pool
from qe_plugins.fleet.messaging.outbox import Message, Outbox, ReportBody
from qe_plugins.fleet.prompts.answers import NodeAnswer
from qe_plugins.fleet.scan.outcome import NO_QUORUM, NodeOutcome
from qe_plugins.fleet.scan.publish import message
from qe_plugins.plugins.types import Role

WHOLE = pool([Vote("A 1m", 0.5, 0.5, "because")], Counter(late=1), 0.44)


def told(sequence: int = 1, sender: str = "1", scan: str = "s", score: float = 0.1) -> Message:
    body = ReportBody(
        score=score, confidence=0.5, coverage=1.0, effective=2.0, reason="r", targets=()
    )
    return Message(scan=scan, sender=sender, role=Role.ANALYST, sequence=sequence, body=body)


def test_a_message_published_twice_is_one_message():
    with Outbox() as bus:
        assert bus.publish(told()) == bus.publish(told())
        assert len(bus.read()) == 1


def test_a_sender_cannot_change_what_it_said():
    with Outbox() as bus:
        bus.publish(told())
        with pytest.raises(FleetError, match="message 1 must follow message 1"):
            bus.publish(told(score=0.9))


def test_a_sender_cannot_skip_a_number():
    with Outbox() as bus, pytest.raises(FleetError, match="message 2 must follow message 0"):
        bus.publish(told(2))


def test_messages_come_in_the_order_of_their_sender_whoever_speaks_between():
    with Outbox() as bus:
        for sequence in (1, 2, 3):
            for sender in ("1", "2"):
                bus.publish(told(sequence, sender))
        heard = [one.sequence for one in bus.read() if one.sender == "2"]

    assert heard == [1, 2, 3]


def test_a_scan_reads_only_its_own():
    with Outbox() as bus:
        bus.publish(told(scan="one"))
        bus.publish(told(scan="two"))

        assert [one.scan for one in bus.read(scan="two")] == ["two"]


@pytest.mark.parametrize("count", [0, 3, 4])
def test_the_command_prints_every_message_and_holds_but_a_part_of_them(count, monkeypatch):
    held = []

    def read(self, *asked):
        held.append(usual(self, *asked))
        return held[-1]

    usual = Outbox.read
    with Outbox() as bus:
        for sequence in range(1, count + 1):
            bus.publish(told(sequence))
    monkeypatch.setattr("qe_plugins.fleet.messaging.outbox.BATCH", 2)
    monkeypatch.setattr(Outbox, "read", read)
    printed = CliRunner().invoke(cli, ["fleet", "bus"], catch_exceptions=False).stdout

    assert [int(line.split()[0]) for line in printed.splitlines()] == list(range(1, count + 1))
    assert max(map(len, held)) <= 2


def test_a_reader_hears_again_what_it_did_not_acknowledge():
    with Outbox() as bus:
        bus.publish(told(1))
        bus.publish(told(2))
        first, second = bus.unread("desk")
        bus.acknowledge("desk", first)

        assert bus.unread("desk") == [second]
        assert bus.unread("desk") == [second]
        assert bus.unread("another") == [first, second]


def test_an_acknowledgement_never_goes_back():
    with Outbox() as bus:
        bus.publish(told(1))
        bus.publish(told(2))
        first, second = bus.unread("desk")
        bus.acknowledge("desk", second)
        bus.acknowledge("desk", first)

        assert bus.unread("desk") == []


def test_several_writers_lose_nothing(tmp_path: Path):
    file = tmp_path / "bus.sqlite"

    def speak(sender: str) -> None:
        with Outbox(file) as bus:
            for sequence in range(1, 21):
                bus.publish(told(sequence, sender))

    Outbox(file).close()
    threads = [threading.Thread(target=speak, args=(str(n),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Outbox(file) as bus:
        assert len(bus.read()) == 60


@pytest.mark.parametrize(
    ("role", "score", "kind"),
    [
        (Role.HUNTER, 0.4, "finding"),
        (Role.GUARDIAN, 0.4, "posture"),
        (Role.ANALYST, 0.4, "report"),
        (Role.ARBITER, 0.4, "report"),
        (Role.ARBITER, -0.4, "objection"),
        (Role.SYNTHESIS, 0.4, "report"),
    ],
)
def test_what_a_coordinator_says_follows_from_its_role(role, score, kind):
    answer = NodeAnswer(score=score, confidence=0.5, reason="it leans", halt=False, risk=0.5)

    said = message("s", role, NodeOutcome(node="1", aggregate=WHOLE, answer=answer))

    assert said.kind == kind
    assert (said.body.score, said.body.coverage) == (score, 0.5)


def test_a_coordinator_without_its_quorum_asks_for_what_it_misses():
    said = message("s", Role.HUNTER, NodeOutcome(node="1", aggregate=WHOLE, missing=NO_QUORUM))

    assert said.kind == "request"
    assert said.body.missing == {"late": 1}


def test_a_guardian_whose_model_is_silent_halts():
    body = message("s", Role.GUARDIAN, NodeOutcome(node="2", aggregate=WHOLE)).body

    assert (body.halt, body.risk) == (True, 0.0)


def test_what_is_read_is_what_was_said():
    with Outbox() as bus:
        bus.publish(sent := message("s", Role.HUNTER, NodeOutcome(node="1", aggregate=WHOLE)))
        [heard] = bus.read()

    assert (heard.body, heard.role, heard.dedupe) == (sent.body, sent.role, sent.dedupe)
