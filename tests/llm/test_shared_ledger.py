"""The ledger in SQLite and on Postgres: the same answers, and one budget for all processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from decimal import Decimal

import pytest
from msgspec.structs import replace

from qe_plugins.errors import JournalError
from qe_plugins.llm.ledger import Attempt, Ledger, OverBudget
from qe_plugins.llm.requests import Answer, Failure, Usage, request_key
from tests.command import ROOT
from tests.llm.asks import request
from tests.postgres import PostgresServer

pytestmark = pytest.mark.anyio

DAY = 20_000 * 86_400_000_000_000
CENT = Decimal("0.01")


def attempt(number: int = 0, scan: str = "s") -> Attempt:
    asked = request(number)
    return Attempt(key=request_key(asked), scan=scan, request=asked, worst=CENT, started_ns=DAY)


def answer(of: Attempt, **changes: object) -> Answer:
    usage = Usage(input=1_000, cached=10, output=300)
    one = Answer(key=of.key, provider="deepseek", model="m", answer="{}", usd=CENT / 4, usage=usage)
    return replace(one, finished_ns=DAY + 5, **changes)


def charge(of: Attempt) -> dict[str, object]:
    return {
        "status": "answered",
        "usd": CENT / 2,
        "usage": answer(of).usage,
        "finished_ns": DAY + 5,
    }


@pytest.fixture
def ledger(database):
    with Ledger() as opened:
        yield opened


async def test_a_call_is_reserved_charged_and_answered(ledger):
    one = attempt(1)
    number = await ledger.intend(one, {"scan:s": CENT * 10})
    assert ledger.left("scan:s", CENT * 10) == CENT * 9
    settled = ledger.settle(number, one, **charge(one))
    await ledger.conclude("s", answer(one))
    await settled

    assert ledger.left("scan:s", CENT * 10) == CENT * 10 - CENT / 2
    assert ledger.used("s", one.key) == replace(answer(one), replayed=True)
    assert ledger.records("s") == {one.key: replace(answer(one), replayed=True)}
    assert ledger.request(one.key) == request(1, rank="", role="", node="", task_id="")
    [row] = ledger.costs("scan")
    assert (row.group, row.calls, row.open, row.usd) == ("s", 1, 0, CENT / 2)
    assert row.usage == answer(one).usage
    sent = ledger.sent("s")
    assert (sent.calls, sent.requests, sent.settled, sent.paid) == (1, 1, 1, 1)


async def test_an_answer_is_found_by_another_scan(ledger):
    one = attempt(1)
    await ledger.conclude("s", answer(one))

    assert await ledger.look_up("t", one.key, DAY + 6) is None
    assert await ledger.look_up("t", one.key, DAY) == replace(answer(one), replayed=True)
    assert ledger.used("t", one.key) is not None


async def test_failures_are_counted(ledger):
    for number in range(3):
        failed = answer(attempt(number), failure=Failure.REFUSED, answer=None, detail="no")
        await ledger.conclude("s", failed)

    assert ledger.reasons("s") == [("refused", "no", 3)]


async def test_calls_in_doubt_are_settled(ledger):
    await ledger.intend(attempt(1))
    await ledger.intend(attempt(2))

    assert ledger.settle_dead("s", DAY + 1).calls == 2
    assert ledger.settle_doubt("s", nothing=False).usd == CENT * 2
    assert ledger.left("scan:s", Decimal(1)) == Decimal(1) - CENT * 2


async def test_a_part_that_cannot_be_stored_fails_alone(ledger):
    good, bad = attempt(1), attempt(2)
    first = ledger.intend(good)
    second = ledger.intend(replace(bad, worst=Decimal(10) ** 9))

    assert await first == 1
    with pytest.raises(Exception, match=r"(?i)int|range"):
        await second
    assert ledger.left("scan:s", Decimal(1)) == Decimal(1) - CENT


PROGRAM = """
import asyncio, sys
from decimal import Decimal
from qe_plugins.llm.ledger import Ledger, OverBudget
from tests.llm.test_shared_ledger import CENT, attempt

async def main():
    admitted = 0
    with Ledger() as ledger:
        for number in range(40):
            try:
                await ledger.intend(attempt(number), {"scan:s": CENT * 50})
                admitted += 1
            except OverBudget:
                pass
    print(admitted)

asyncio.run(main())
"""


async def test_two_processes_never_reserve_more_than_the_budget(ledger):
    command = [sys.executable, "-c", PROGRAM]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    admitted = [int(process.communicate(timeout=60)[0]) for process in both]

    assert sum(admitted) == 50
    assert ledger.left("scan:s", CENT * 50) == 0
    with pytest.raises(OverBudget):
        await ledger.intend(attempt(99), {"scan:s": CENT * 50})


async def test_a_server_that_ends_fails_the_calls_and_is_found_again(
    postgres_server: PostgresServer, monkeypatch
):
    monkeypatch.setenv("QE_LEDGER_URL", postgres_server.url())
    with Ledger() as ledger:
        assert await ledger.intend(attempt(1)) == 1
        postgres_server.kill()
        hint = "Look at QE_LEDGER_URL, and whether the server runs"
        waiting = [ledger.intend(attempt(number)) for number in (2, 3)]
        for failed in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(failed, JournalError)
            assert hint in str(failed)
        postgres_server.start()

        assert await ledger.intend(attempt(2)) == 2
        postgres_server.stop()
        postgres_server.start()
        assert await ledger.intend(attempt(3)) == 3
        assert ledger.left("scan:s", Decimal(1)) == Decimal(1) - CENT * 3
