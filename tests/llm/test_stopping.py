"""After the end nothing is sent, whatever an ask was waiting for; and trouble ends a scan early."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from qe_plugins.llm.client.provider_state import FIRST
from qe_plugins.llm.requests import Failure
from qe_plugins.llm.settings import Budgets
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.server import serving
from tests.fakes.model_server.spawned import ROOT, spawned
from tests.llm.asks import QUICK, Finding, ask_all, bill_of, client, request

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", ["rate_limited", "unavailable", "reset"])
async def test_an_ask_in_its_pause_makes_no_call_after_its_deadline(fault, tmp_path):
    loop = asyncio.get_running_loop()
    patient = msgspec.structs.replace(QUICK, backoff=1.5)
    busy = Profile(**{fault: 1.0, "first_only": True}, retry_after=1.5)
    async with (
        serving(bill_of(tmp_path), busy) as (url, _),
        client(url, settings=patient) as asking,
    ):
        deadline = loop.time() + 1.0
        settled = await asyncio.gather(
            *(asking.ask(request(n), Finding, deadline=deadline) for n in range(8))
        )
        sent = len(bill.lines(bill_of(tmp_path)))
        await asyncio.sleep(2.0)
        later = len(bill.lines(bill_of(tmp_path)))

    assert {one.failure for one in settled} == {Failure.LATE}
    assert later == sent == 8


async def test_with_nothing_in_flight_a_stop_takes_no_time(tmp_path):
    long = Profile(rate_limited=1.0, retry_after=20.0)
    async with serving(bill_of(tmp_path), long) as (url, _), client(url) as asking:
        asks = [asyncio.create_task(asking.ask(request(n), Finding)) for n in range(20)]
        while len(bill.lines(bill_of(tmp_path))) < 20 or asking.stats.in_flight:
            await asyncio.sleep(0.01)
        for one in asks:
            one.cancel()
        began = time.monotonic()
        await asking.drain()

    assert time.monotonic() - began < 15  # a retry would come after 20
    assert len(bill.lines(bill_of(tmp_path))) == 20


async def test_an_ask_that_waits_for_money_or_a_place_is_sent_home_too(tmp_path):
    from datetime import UTC, datetime, timedelta

    from qe_plugins.llm.pricing.price_list import price_list, worst_case

    worst = worst_case(price_list(), request(), datetime.now(UTC), timedelta(seconds=5))
    budgets, loop = Budgets(scan=worst * 2), asyncio.get_running_loop()
    async with (
        serving(bill_of(tmp_path), Profile(latency=0.6)) as (url, _),
        client(url, budgets=budgets) as asking,
    ):
        deadline = loop.time() + 0.2
        await asyncio.gather(
            *(asking.ask(request(n), Finding, deadline=deadline) for n in range(10))
        )
        await asking.drain()
        await asyncio.sleep(0.2)

    assert len(bill.lines(bill_of(tmp_path))) <= 2


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"key": "another"}, "HTTP 401"),
        ({"no_money": 1.0}, "HTTP 402: Insufficient Balance"),
        ({"renamed": 1.0}, "HTTP 404: The model does not exist"),
        ({"no_quota": 1.0}, "insufficient_quota"),
    ],
    ids=lambda one: str(one)[:20],
)
async def test_a_provider_that_refuses_its_first_calls_gets_no_more(trouble, says, tmp_path):
    async with serving(bill_of(tmp_path), Profile(**trouble)) as (url, _), client(url) as asking:
        settled = await ask_all(asking, [request(n) for n in range(500)])
        halt, sent = asking.halt, asking.stats.sent

    assert {one.failure for one in settled} == {Failure.BAD_REQUEST}
    assert sent <= 5 * FIRST
    assert halt is not None
    assert halt.lasting
    assert says in halt.message
    assert halt.where == "provider deepseek"
    assert {one.usd for one in settled} == {0}


async def test_refusals_of_some_requests_halt_nothing(tmp_path):
    some = Profile(renamed=0.3)
    async with serving(bill_of(tmp_path), some) as (url, _), client(url) as asking:
        await asking.ask(request(1), Finding)
        settled = await ask_all(asking, [request(n) for n in range(100)])

    assert asking.halt is None
    assert sum(one.failure is None for one in settled) > 50


async def test_a_provider_that_is_not_there_is_given_up_after_a_few_calls():
    slow = msgspec.structs.replace(QUICK, backoff=0.3)
    async with client("http://127.0.0.1:9", settings=slow) as asking:
        began = time.monotonic()
        settled = await ask_all(asking, [request(n) for n in range(200)])

    assert asking.halt is not None
    assert not asking.halt.lasting
    assert "cannot be reached: not reached" in asking.halt.message
    assert {one.failure for one in settled} <= {
        *(Failure.BAD_REQUEST, Failure.SERVER, Failure.CIRCUIT_OPEN)
    }
    assert time.monotonic() - began < 60


@pytest.mark.long
async def test_a_provider_that_restarts_for_two_seconds_loses_almost_none(tmp_path):
    patient = msgspec.structs.replace(QUICK, backoff=0.25, concurrency=100)
    outage = Profile(outage=2.0, latency=0.05)
    async with (
        serving(bill_of(tmp_path), outage) as (url, _),
        client(url, settings=patient) as asking,
    ):
        settled = await ask_all(asking, [request(n) for n in range(600)])

    lost = sum(one.failure is not None for one in settled)
    assert lost <= 6
    assert asking.stats.sent <= 600 + 2 * patient.concurrency  # each pause halves what tries again


SLEEPY = """
import asyncio, sys, uvloop
sys.path.insert(0, ".")
from tests.llm.asks import ask_all, client, request
from qe_plugins.llm.client.client import ClientSettings

async def main(url):
    settings = ClientSettings(timeout=3.0, backoff=0.01, hedge_share=0.2, hedge_least=0.5)
    async with client(url, both=False, settings=settings) as asking:
        settled = await ask_all(asking, [request(n) for n in range(20)])
        print(sum(one.failure is None for one in settled), asking.stats.sent)

uvloop.run(main(sys.argv[1]))
"""


@pytest.mark.long
def test_a_process_that_was_suspended_reads_what_has_arrived(tmp_path):
    path = bill_of(tmp_path)
    with spawned(path, Profile(latency=1.0)) as url:
        command = [sys.executable, "-c", SLEEPY, url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            until = time.monotonic() + 300
            while _busy(url) < 20 and time.monotonic() < until:
                assert process.poll() is None
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGSTOP)
            while len(bill.paid(path)) < 20 and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(4.0)  # longer than a call may take
            os.kill(process.pid, signal.SIGCONT)
            said, _ = process.communicate(timeout=300)

    assert said.split() == ["20", "20"]
    assert len(bill.lines(path)) == 20


def _busy(url: str) -> int:
    """Return how many calls the server works on."""
    import urllib.request

    with urllib.request.urlopen(f"{url}/busy") as response:
        return int(response.read())
