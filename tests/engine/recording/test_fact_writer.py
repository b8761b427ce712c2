"""Facts reach the journal in their order, once, and a journal that fails holds up nothing long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.journal.facts import Fact, FactKind
from tests.engine.recording.sinks import MemorySink


def fact(number: int) -> Fact:
    return Fact(id=f"size:{number}", kind=FactKind.SIZE, ts_event=number, source="test")


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def writer(sink: MemorySink) -> Iterator[FactWriter]:
    made = FactWriter(sink, "run-1", limit=0.3)
    yield made
    sink.hang.set()
    made.close()


def test_a_commit_is_synced_when_it_returns(sink: MemorySink, writer: FactWriter) -> None:
    writer.write([fact(1)])
    assert writer.commit([fact(2)]) == ""
    assert [one.id for one in sink.facts] == ["size:1", "size:2"]
    assert sink.durable_upto == 2
    assert writer.waiting == 0


def test_a_write_is_appended_without_a_sync(sink: MemorySink, writer: FactWriter) -> None:
    writer.write([fact(1)])
    assert sink.wait_for(1)
    assert sink.durable_upto == 0


def test_what_a_failed_append_left_comes_first_in_the_next(
    sink: MemorySink, writer: FactWriter
) -> None:
    sink.failure = OSError("no space left")
    assert writer.commit([fact(1)]) == "no space left"
    assert writer.waiting == 1
    sink.failure = None
    assert writer.commit([fact(2)]) == ""
    assert [one.id for one in sink.facts] == ["size:1", "size:2"]
    assert writer.error == ""


def test_a_failure_is_returned_once_though_the_next_append_succeeded(
    sink: MemorySink, writer: FactWriter
) -> None:
    assert writer.take_failure() == ""
    sink.failure = OSError("no space left")
    writer.commit([fact(1)])
    assert [writer.take_failure(), writer.take_failure()] == ["no space left", "no space left"]
    sink.failure = None
    writer.commit([fact(2)])
    assert [writer.take_failure(), writer.take_failure()] == ["", ""]
    sink.failure = OSError("no space left")
    writer.commit([fact(3)])
    sink.failure = None
    writer.commit([fact(4)])
    assert [writer.take_failure(), writer.take_failure()] == ["no space left", ""]


def test_a_journal_that_hangs_holds_a_commit_up_no_longer_than_the_limit(
    sink: MemorySink, writer: FactWriter
) -> None:
    sink.hang = threading.Event()
    began = time.perf_counter()
    assert "0.3 s" in writer.commit([fact(1)])
    assert time.perf_counter() - began < 30
    sink.hang.set()
    assert writer.commit([fact(2)]) == ""
    assert [one.id for one in sink.facts] == ["size:1", "size:2"]


def test_a_commit_behind_an_append_under_way_waits_for_its_own(
    sink: MemorySink, writer: FactWriter
) -> None:
    sink.hang = threading.Event()
    writer.write([fact(1)])
    assert sink.entered.wait(5)
    threading.Timer(0.05, sink.hang.set).start()
    assert writer.commit([fact(2)]) == ""
    assert sink.durable_upto == 2


def test_closing_appends_what_is_left(sink: MemorySink) -> None:
    writer = FactWriter(sink, "run-1")
    writer.write([fact(1)])
    assert writer.close() == ""
    assert len(sink.facts) == 1
