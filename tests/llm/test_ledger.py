"""The ledger's file: a transaction is there or it is not, and an old file is read as ever."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from qe_plugins.errors import JournalError
from qe_plugins.llm.ledger import Attempt, Ledger
from qe_plugins.llm.requests import Answer, Usage, request_key
from tests.llm.asks import request

pytestmark = pytest.mark.anyio

BEFORE = """CREATE TABLE requests (key TEXT NOT NULL, prefix TEXT NOT NULL, prompt TEXT NOT NULL,
    PRIMARY KEY (key)) WITHOUT ROWID"""


def attempt(number: int = 0) -> Attempt:
    asked = request(number)
    key = request_key(asked)
    return Attempt(key=key, scan="s", request=asked, worst=Decimal("0.001"), started_ns=1)


def settled(of: Attempt) -> Answer:
    return Answer(key=of.key, provider="deepseek", model="deepseek-flash", answer="{}")


async def test_what_fails_in_one_call_of_a_transaction_is_undone_for_all(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with Ledger(file) as ledger:
        first = attempt(1)
        number = await ledger.intend(first)
        with sqlite3.connect(file) as other:
            other.execute("DROP TABLE answers")
        spent = {"status": "answered", "usd": Decimal(0), "usage": Usage(), "finished_ns": 2}
        ended = ledger.settle(number, first, **spent)
        said = ledger.conclude("s", settled(first))

        for future in (ended, said):
            with pytest.raises(JournalError, match=r"ledger\.sqlite: no such table: answers\."):
                await future
        [row] = ledger.costs("scan")
        assert (row.calls, row.open, row.in_doubt) == (1, 1, Decimal("0.001"))
        assert await ledger.intend(attempt(2)) == number + 1  # and it can go on


async def test_a_ledger_from_before_is_read_and_written_as_ever(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with sqlite3.connect(file) as old:
        old.execute(BEFORE)
        old.execute("INSERT INTO requests VALUES ('k', 'p', 'what was asked')")
    with Ledger(file) as ledger:
        one = attempt(7)
        await ledger.intend(one)
        await ledger.conclude("s", settled(one))

        assert ledger.request(one.key) == request(7, rank="", role="", node="", task_id="")
        assert ledger.used("s", one.key) == replace(settled(one), replayed=True)


async def test_a_file_that_is_no_ledger_is_one_line(tmp_path: Path):
    file = tmp_path / "ledger.sqlite"
    file.write_text("this is no database, and long enough to be taken for one" * 40)

    with pytest.raises(JournalError, match="not a database"):
        Ledger(file)


async def test_a_scan_read_again_has_what_changed_since(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        first, second = attempt(1), attempt(2)
        number = await ledger.intend(first)
        assert [(call[1], call[3]) for call in ledger.states("s")] == [(None, None)]
        await ledger.intend(second)
        charge = ledger.settle(
            number, first, status="answered", usd=Decimal("0.0005"), usage=Usage(), finished_ns=9
        )
        await asyncio.gather(charge, ledger.conclude("s", settled(first)))
        again = ledger.states("s")

        assert [(call[1], call[3]) for call in again] == [("{}", 9), (None, None)]
        assert [call[4] > 0 for call in again] == [True, False]
    with Ledger(tmp_path / "ledger.sqlite") as fresh:
        assert fresh.states("s") == again
