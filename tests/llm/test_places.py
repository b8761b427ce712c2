"""A place is given on once a provider is done, and still no more calls are open than places."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from qe_plugins.llm.client.client import Client, ClientSettings
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.providers.base import Completion, ServerFailure
from qe_plugins.llm.requests import Request, Usage
from qe_plugins.llm.settings import Budgets
from tests.llm.asks import ask_all, request

pytestmark = pytest.mark.anyio

PLACES = 3
SAID = msgspec.json.encode({"score": 0.5, "side": "LONG", "reason": "calm"}).decode()


class Watching:
    """Looks, with a ledger of its own, at how many calls are open while it is asked."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.asked = 0

    async def complete(self, asked: Request, feedback: str = "") -> Completion:
        self.asked += 1
        with Ledger() as ledger:
            [row] = ledger.costs("scan")
        self.open.append(row.open)
        await asyncio.sleep(0.001 * (self.asked % 5))
        if self.asked % 7 == 0:
            raise ServerFailure("busy")
        return Completion(SAID, Usage(100, 0, 10), "deepseek-flash")

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_a_call_is_in_the_ledger_before_it_is_sent_and_no_more_than_there_are_places():
    watching = Watching()
    settings = ClientSettings(concurrency=PLACES, backoff=0.001, hedge_share=0.0)
    async with Client("scan-1", {"deepseek": watching}, settings=settings) as asking:
        settled = await ask_all(asking, [request(n) for n in range(40)])

    assert {one.failure for one in settled} == {None}
    assert 1 <= min(watching.open) <= max(watching.open) <= PLACES


async def test_a_call_without_money_gives_its_place_back():
    settings = ClientSettings(concurrency=1, hedge_share=0.0)
    broke = Budgets(ranks={"worker": Decimal("0.0000001")})
    async with Client(
        "scan-1", {"deepseek": Watching()}, budgets=broke, settings=settings
    ) as asking:
        async with asyncio.timeout(5):
            settled = await ask_all(
                asking, [request(n, rank="worker" if n % 2 else "captain") for n in range(6)]
            )

    assert [one.failure is None for one in settled] == [True, False] * 3
