"""The clock of a scan on a cluster: who is late, and when nobody is because nobody was there."""

from __future__ import annotations

import asyncio

import pytest

from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.temporal import workflows
from qe_plugins.fleet.temporal.concurrency_split import ConcurrencySplit
from qe_plugins.fleet.temporal.payloads import ScanInput, SubtreeResult
from qe_plugins.fleet.temporal.workflows import GRACE, WorkflowClock
from qe_plugins.fleet.tree import Level, Tree

ORDER = ScanInput(
    scan="s",
    tree=Tree((1, 2, 2, 3)),
    deadlines=dict.fromkeys(Level, 10.0),
    split=ConcurrencySplit(2, 2, 3),
)


class Time:
    """A workflow's time. Each wait for all takes as long as `waits` says next, then is over."""

    def __init__(self, *waits: float) -> None:
        self.now, self.asked, self._waits = 1_000.0, [], list(waits)

    def time(self) -> float:
        return self.now

    async def wait(self, tasks, *, timeout, return_when):
        self.asked.append(timeout)
        self.now += self._waits.pop(0)
        await asyncio.sleep(0)
        return [one for one in tasks if one.done()], [one for one in tasks if not one.done()]


@pytest.fixture
def time(monkeypatch):
    """Return a function that puts a time in the workflow's place."""

    def use(*waits: float) -> Time:
        one = Time(*waits)
        monkeypatch.setattr(workflows, "workflow", one)
        return one

    return use


def told(node: str) -> SubtreeResult:
    return SubtreeResult(outcome=NodeOutcome(node=node), decisions=())


async def at_once(node: str) -> SubtreeResult:
    return told(node)


async def never() -> SubtreeResult:
    await asyncio.Event().wait()
    raise AssertionError


def arrived(*, lost: bool) -> dict[str, SubtreeResult]:
    async def run() -> dict[str, SubtreeResult]:
        second = never() if lost else at_once("2")
        work = {"1": asyncio.create_task(at_once("1")), "2": asyncio.create_task(second)}
        found = await WorkflowClock(ORDER).arrived(Level.CAPTAIN, work)
        assert all(task.done() for task in work.values())
        return found

    return asyncio.run(run())


def test_those_in_time_are_heard(time):
    time(3.0)

    assert arrived(lost=False) == {"1": told("1"), "2": told("2")}


def test_whoever_is_not_there_by_the_deadline_is_late(time):
    one = time(10.0 + GRACE)

    assert arrived(lost=True) == {"1": told("1")}
    assert one.asked == [10.0 + GRACE]


def test_a_deadline_that_nobody_saw_pass_counts_anew(time):
    one = time(300.0, 10.0 + GRACE)

    assert arrived(lost=True) == {"1": told("1")}
    assert one.asked == [10.0 + GRACE] * 2


def test_what_is_left_is_never_less_than_nothing(time):
    one = time()
    counting = WorkflowClock(ORDER)
    one.now += 12.0

    assert (counting.elapsed(), counting.left(Level.DESK)) == (12.0, 0.0)
