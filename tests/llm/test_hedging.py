"""A call that lags gets a second one beside it; whichever answers counts, and both are paid for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from qe_plugins.llm.client.client import Client, ClientSettings, ended
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.pricing.price_list import price_list, worst_case
from qe_plugins.llm.providers.base import Completion, ServerFailure
from qe_plugins.llm.requests import Failure, Request, Usage
from tests.llm.asks import ask_all, request

pytestmark = pytest.mark.anyio

KEEN = ClientSettings(hedge_least=0.04, hedge_share=0.2, timeout=20.0, retries=0)
SAID = msgspec.json.encode({"score": 0.5, "side": "LONG", "reason": "calm"}).decode()
LAGS = "lags"


class Slow:
    """Answers at once, but for a first call named so, which waits; `second` says what then."""

    def __init__(self, second: Exception | None = None, *, first_ends: float = 60.0) -> None:
        self.second, self.first_ends = second, first_ends
        self.calls: list[str] = []

    async def complete(self, asked: Request, feedback: str = "") -> Completion:
        again = asked.node in self.calls
        self.calls.append(asked.node)
        if asked.node.startswith(LAGS):
            if not again:
                await asyncio.sleep(self.first_ends)
            elif self.second is not None:
                raise self.second
        return Completion(SAID, Usage(100, 0, 10), "deepseek-flash")

    async def aclose(self) -> None:
        """Nothing is held."""


async def asked(slow: Slow, *, lagging: int, quick: int = 40, settings: ClientSettings = KEEN):
    """Return what came of the laggards, after enough others have told how long an answer takes."""
    async with Client("scan-1", {"deepseek": slow}, settings=settings) as asking:
        await ask_all(asking, [request(n) for n in range(quick)])
        late = [request(n, node=f"{LAGS} {n}") for n in range(1_000, 1_000 + lagging)]
        return await ask_all(asking, late), asking.stats


async def test_the_second_call_answers_and_the_first_counts_at_worst_case():
    [settled], stats = await asked(Slow(), lagging=1)

    assert (settled.failure, settled.attempts, stats.hedged) == (None, 2, 1)
    worst = worst_case(price_list(), request(1_000), datetime.now(UTC))
    assert worst + settled.usd < stats.usd < 2 * worst + 41 * settled.usd
    with Ledger() as ledger:
        [row] = ledger.costs("scan")
    assert (row.calls, row.open) == (42, 0)
    assert row.usd == stats.usd


async def test_the_first_call_may_still_answer_and_then_counts():
    slow = Slow(ServerFailure("busy"), first_ends=0.3)
    [settled], stats = await asked(slow, lagging=1)

    assert (settled.failure, settled.answer) == (None, SAID)
    assert (stats.hedged, stats.in_flight, slow.calls.count(f"{LAGS} 1000")) == (1, 0, 2)


async def test_no_more_are_sent_twice_than_the_share_says():
    hurried = msgspec.structs.replace(KEEN, hedge_share=0.05, timeout=0.5)
    settled, stats = await asked(Slow(), lagging=10, settings=hurried)

    assert stats.hedged <= 0.05 * stats.sent + 1
    assert [one.failure for one in settled] == [None] * 10  # called again after their time-out


async def test_nothing_is_sent_twice_before_it_is_known_how_long_an_answer_takes():
    hurried = msgspec.structs.replace(KEEN, timeout=0.3)
    slow = Slow(ServerFailure("busy"))
    [settled], stats = await asked(slow, lagging=1, quick=5, settings=hurried)

    assert stats.hedged == 0
    assert settled.failure is Failure.SERVER


async def test_every_place_is_given_back():
    few = msgspec.structs.replace(KEEN, concurrency=3, timeout=0.3)
    settled, stats = await asked(Slow(), lagging=6, settings=few)

    assert {one.failure for one in settled} == {None}
    assert (stats.in_flight, stats.reserved) == (0, 0)


async def test_who_stops_waiting_leaves_the_task_alone():
    task = asyncio.create_task(asyncio.sleep(0.05, "done"))
    leaving = asyncio.create_task(ended(task, None))
    await asyncio.sleep(0)
    leaving.cancel()

    assert not await ended(task, asyncio.get_running_loop().time())
    assert await ended(task, None)
    assert task.result() == "done"
