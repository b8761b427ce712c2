"""A plugin may be slow: the caller goes on at the deadline, and keeps the engine's objects."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, Signal, Veto, hookimpl
from qe_plugins.plugins import PluginManager
from qe_plugins.plugins.deadline import (
    ClosedViewError,
    HookDeadlines,
    HookTimeoutError,
    View,
    against_deadline,
)

LIMIT = 0.2


class Book:
    """An object of the engine: it says on which thread it was used."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.size = 3

    def positions(self, count: int) -> list[int]:
        self.threads.append(threading.get_ident())
        return [0] * count

    def broken(self) -> None:
        raise LookupError("no price")


class Guard(Plugin):
    """A guardian whose answer the test decides."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__()
        self.answer, self.calls = answer, 0
        self.release = threading.Event()
        self.late: BaseException | None = None
        self.done = threading.Event()

    @hookimpl
    def veto_order(self, order: OrderRequest, cache: Any) -> Veto | None:
        self.calls += 1
        return self.answer(self, cache) if callable(self.answer) else self.answer


def sleep(guard: Guard, cache: Any) -> None:
    """Be overdue, then look at the book all the same."""
    guard.release.wait(10)
    try:
        cache.positions(1)
    except ClosedViewError as error:
        guard.late = error
    guard.done.set()


def hunt(guard: Guard, cache: Any) -> Veto | None:
    return Veto(f"{len(cache.positions(2))} of {cache.size}")


class Calls:
    """A manager with deadlines, and what it tells of those that were missed."""

    def __init__(self, *plugins: Plugin) -> None:
        self.overdue: list[tuple[str, str, float]] = []
        self.deadlines = HookDeadlines(LIMIT, lambda *told: self.overdue.append(told))
        named = [(f"p{n}", plugin) for n, plugin in enumerate(plugins)]
        self.manager = against_deadline(PluginManager(named), self.deadlines)
        self.book = Book()

    def veto(self) -> list[Any]:
        caller = self.manager.caller("veto_order")
        assert caller is not None
        return caller.call_quietly({"order": None, "cache": self.book}, LIMIT)


@pytest.fixture
def slow() -> Iterator[Guard]:
    guard = Guard(sleep)
    yield guard
    guard.release.set()


def test_what_a_plugin_reads_is_read_on_the_callers_thread() -> None:
    calls = Calls(Guard(hunt))
    [answer] = calls.veto()
    assert answer.value == Veto("2 of 3")
    assert calls.book.threads == [threading.get_ident()]


def test_an_error_of_a_look_is_the_plugins_to_handle() -> None:
    [answer] = Calls(Guard(lambda _, cache: cache.broken())).veto()
    assert isinstance(answer.error, LookupError)


def test_the_caller_goes_on_at_the_deadline(slow: Guard) -> None:
    calls, began = Calls(slow), time.perf_counter()
    [answer] = calls.veto()
    assert time.perf_counter() - began < LIMIT + 30
    assert isinstance(answer.error, HookTimeoutError)
    assert str(answer.error) == "did not answer veto_order within 0.2 s"
    assert calls.overdue == [("p0", "veto_order", LIMIT)]


def test_an_overdue_plugin_is_refused_by_its_views(slow: Guard) -> None:
    calls = Calls(slow)
    calls.veto()
    slow.release.set()
    assert slow.done.wait(5)
    assert isinstance(slow.late, ClosedViewError)
    assert calls.book.threads == []


def test_an_overdue_plugin_is_called_no_more_until_it_is_resumed(slow: Guard) -> None:
    calls = Calls(slow)
    calls.veto()
    [answer] = calls.veto()
    assert slow.calls == 1
    assert answer.error.again
    assert calls.deadlines.resume() == ["p0"]  # it still runs
    slow.release.set()
    assert slow.done.wait(5)
    slow.answer = None
    while calls.deadlines.resume():
        time.sleep(0.001)
    assert calls.veto() == []
    assert slow.calls == 2


def test_the_others_are_called_beside_a_plugin_that_is_overdue(slow: Guard) -> None:
    calls = Calls(slow, Guard(Veto("too large")))
    first, second = calls.veto()
    assert isinstance(first.error, HookTimeoutError)
    assert second.value == Veto("too large")


def test_a_thread_that_a_plugin_started_gets_nothing() -> None:
    view = View(Book(), threading.get_ident())
    assert view.size == 3
    caught: list[BaseException] = []

    def look() -> None:
        try:
            view.positions(1)
        except ClosedViewError as error:
            caught.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert len(caught) == 1


class Hunter(Plugin):
    """Yields its signals one by one, and reads the book between them."""

    @hookimpl
    def contribute_signals(self, bar: Any, cache: Any) -> Iterator[Signal]:
        for _ in cache.positions(2):
            yield Signal(instrument_id="MESH24.XCME", side="LONG", confidence=0.5, reason="x")


def test_a_generator_reads_through_views_too() -> None:
    calls = Calls(Hunter())
    [answer] = calls.manager.call("contribute_signals", bar=None, cache=calls.book)
    assert len(answer.value) == 2
    assert set(calls.book.threads) == {threading.get_ident()}
