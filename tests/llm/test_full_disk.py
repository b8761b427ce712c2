"""A ledger that cannot be written ends a scan with one error, not with one a call."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager

import pytest

from qe_plugins.errors import JournalError
from qe_plugins.llm.ledger.connection import LedgerFile
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.server import serving
from tests.llm.asks import ask_all, bill_of, client, request

pytestmark = pytest.mark.anyio


async def test_the_first_error_is_raised_and_the_others_say_nothing(tmp_path, monkeypatch, caplog):
    whole, left = LedgerFile.transaction, [3]

    @contextmanager
    def full(self):
        left[0] -= 1
        if left[0] < 0:
            raise JournalError("database or disk is full.", where="ledger")
        with whole(self) as cursor:
            yield cursor

    monkeypatch.setattr(LedgerFile, "transaction", full)
    async with serving(bill_of(tmp_path), Profile(latency=0.05)) as (url, _):
        asking = client(url, both=False)
        with pytest.raises(JournalError, match="disk is full"):
            await ask_all(asking, [request(n) for n in range(50)])
        await asking.drain()
        await asking.aclose()
    gc.collect()
    await asyncio.sleep(0)

    assert "never retrieved" not in caplog.text
