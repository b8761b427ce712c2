"""While trading is halted no model is called: refused before a reservation, so before a bill."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from qe_plugins.errors import Halted
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.llm.ledger import Ledger
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.server import serving
from tests.llm.asks import QUICK, Finding, ask_all, bill_of, client, request

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 2, 14, 31, tzinfo=UTC)


def halt(reason: str = "news") -> None:
    HaltLatch.at_home().set(reason, "person", by="ann", now=NOW)


async def test_a_call_is_refused_before_anything_is_reserved_or_sent(tmp_path):
    halt()
    async with serving(bill_of(tmp_path), Profile()) as (url, _), client(url) as asking:
        with pytest.raises(Halted) as refused:
            await asking.ask(request(), Finding)
        assert asking.stats.sent == asking.stats.in_flight == 0

    assert bill.lines(bill_of(tmp_path)) == []
    with Ledger() as ledger:
        assert ledger.sent("scan-1").calls == 0
    assert str(refused.value) == (
        "halted since 2026-01-02 14:31:00 UTC by ann: news. "
        "`qe resume REASON` at a terminal ends the halt."
    )


async def test_an_answer_that_is_recorded_is_returned_all_the_same(tmp_path):
    async with serving(bill_of(tmp_path), Profile()) as (url, _), client(url) as asking:
        first = await asking.ask(request(), Finding)
        halt()
        again = await asking.ask(request(), Finding)

    assert again.answer == first.answer
    assert len(bill.lines(bill_of(tmp_path))) == 1


async def test_calls_in_flight_end_and_those_that_wait_for_a_slot_are_never_sent(tmp_path):
    few = msgspec.structs.replace(QUICK, concurrency=3)
    slow = Profile(latency=0.5)
    async with serving(bill_of(tmp_path), slow) as (url, _), client(url, settings=few) as asking:
        asks = [asyncio.create_task(asking.ask(request(n), Finding)) for n in range(12)]
        while asking.stats.in_flight < 3:
            await asyncio.sleep(0.01)
        halt()
        ended = await asyncio.gather(*asks, return_exceptions=True)

    refused = [one for one in ended if isinstance(one, Halted)]
    assert len(refused) == 9
    assert len(bill.lines(bill_of(tmp_path))) == 3
    with Ledger() as ledger:
        assert ledger.sent("scan-1").calls == 3
        assert sum(row.open for row in ledger.costs("scan")) == 0


async def test_a_call_that_waits_for_its_retry_is_not_sent_again(tmp_path):
    patient = msgspec.structs.replace(QUICK, backoff=0.3)
    busy = Profile(unavailable=1.0)
    async with serving(bill_of(tmp_path), busy) as (url, _), client(url, settings=patient) as asks:
        asking = asyncio.create_task(asks.ask(request(), Finding))
        while not bill.lines(bill_of(tmp_path)):
            await asyncio.sleep(0.01)
        halt()
        with pytest.raises(Halted):
            await asking

    assert len(bill.lines(bill_of(tmp_path))) == 1


async def test_after_a_resume_calls_are_sent_again(tmp_path):
    async with serving(bill_of(tmp_path), Profile()) as (url, _), client(url) as asking:
        halt()
        with pytest.raises(Halted):
            await asking.ask(request(), Finding)
        HaltLatch.at_home().clear()
        answers = await ask_all(asking, [request(n) for n in range(3)])

    assert [one.failure for one in answers] == [None] * 3
