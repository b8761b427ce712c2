"""The stream: it begins with the present, says each change once, and misses none."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qe_plugins.errors import QeError
from qe_plugins.halt.latch import PERSON, HaltLatch
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.observatory.live.feeds import event_id, subscriptions
from tests.observatory.conftest import PATIENCE, Client, serving


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    with serving(home) as opened:
        opened.enter()
        yield opened


@contextmanager
def streaming(client: Client, of: str, last: str = "") -> Iterator[Iterator[dict[str, str]]]:
    """Open a stream, and yield its events, beats left aside."""
    connection = http.client.HTTPConnection(client.netloc, timeout=PATIENCE)
    headers = {"Cookie": client.cookie, "Accept": "text/event-stream"}
    connection.request("GET", f"/stream?of={of}", headers=headers | {"Last-Event-ID": last})
    answer = connection.getresponse()
    assert answer.status == 200

    def events() -> Iterator[dict[str, str]]:
        event: dict[str, str] = {}
        for line in iter(lambda: answer.readline().decode(), ""):
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                event[name] = event.get(name, "") + value
            elif event:
                if event.get("event") != "beat":
                    yield event
                event = {}

    try:
        yield events()
    finally:
        connection.close()


def lines(home: Path, *texts: str) -> int:
    """Write lines to the journal; return the number of the last."""
    with ActivityJournal.open(f"sqlite:///{home}/journal.sqlite") as journal:
        return [
            journal.record(PipelineEntry(process="t", kind=ActivityKind.NOTE, text=text))
            for text in texts
        ][-1].seq


def told(event: dict[str, str]) -> list[str]:
    return re.findall(r"text-(\w+)", event["data"])


def test_it_begins_with_the_present_and_says_a_halt_by_itself(client: Client, home: Path) -> None:
    with streaming(client, "strip") as events:
        assert "NO SESSION" in next(events)["data"]
        HaltLatch(home / "halt.json").set("a test", PERSON)
        changed = next(events)

    assert "HALTED" in changed["data"]
    assert changed["id"].startswith("strip=")
    HaltLatch(home / "halt.json").clear()


def test_one_that_comes_back_gets_what_it_missed_once(client: Client, home: Path) -> None:
    newest = lines(home, "text-a", "text-b")
    with streaming(client, f"journal@{newest}") as events:
        lines(home, "text-c")
        first = next(events)
    lines(home, "text-d", "text-e")  # while it sleeps
    with streaming(client, f"journal@{newest}", first["id"]) as events:
        second = next(events)
        lines(home, "text-f")
        third = next(events)

    assert [told(one) for one in (first, second, third)] == [["c"], ["e", "d"], ["f"]]


def test_it_beats_while_nothing_changes(client: Client) -> None:
    connection = http.client.HTTPConnection(client.netloc, timeout=PATIENCE)
    connection.request("GET", "/stream?of=strip", headers={"Cookie": client.cookie})
    answer = connection.getresponse()
    beats = 0
    while beats < 2:
        beats += answer.readline().startswith(b"event: beat")
    connection.close()

    assert beats == 2


def test_what_a_stream_is_asked_for_is_read_back_from_its_ids() -> None:
    asked = subscriptions("strip,scan:2026.1@7", event_id({"strip": "a.1", "scan:2026.1": "9"}))

    assert [(one.key, one.since) for one in asked] == [("strip", "a.1"), ("scan:2026.1", "9")]


@pytest.mark.parametrize("text", ["", "Strip", "a:b c", "a@x", ",".join("abcdefghi")])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(QeError):
        subscriptions(text)
