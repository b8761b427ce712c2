"""The one way to ask a model: recording, budget, ledger, provider, in this order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

import msgspec

from qe_plugins.llm.budget import NONE, Budgets
from qe_plugins.llm.pricelist import PriceList, price_list
from qe_plugins.llm.provider import Provider, ProviderFailure
from qe_plugins.llm.records import Failure, Request, Settled, Usage, decode, request_key


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How hard to try. Times are in seconds."""

    concurrency: int = 1_000
    timeout: float = 30.0
    replay: bool = False


class Stats(msgspec.Struct, kw_only=True):
    """What a client has done so far; `usd` is settled, `reserved` is in flight at worst case."""

    in_flight: int = 0
    asked: int = 0
    sent: int = 0
    paid: int = 0
    replayed: int = 0
    answered: int = 0
    failed: int = 0
    hedged: int = 0
    usage: Usage = Usage()
    usd: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)


class Client:
    """Asks models for one scan. An async context manager; one event loop, any number of tasks."""

    def __init__(
        self,
        scan: str,
        providers: Mapping[str, Provider],
        *,
        budgets: Budgets = NONE,
        settings: Settings | None = None,
        prices: PriceList | None = None,
    ) -> None:
        self.scan, self.stats = scan, Stats()
        self._providers, self._budgets = providers, budgets
        self._settings = settings or Settings()
        self._prices = prices or price_list()

    async def ask(
        self, request: Request, answer_type: Any, *, deadline: float | None = None
    ) -> Settled:
        """Return what came of a request; a failure is a result too, and is not raised.

        The answer has been decoded as `answer_type` once, so `Settled.typed` will succeed.
        `deadline` is a time of the loop's clock, after which the failure is `late`. Raises
        ReplayMiss in a replay, ModelError for an unknown model or provider.
        """
        started = time.time_ns()
        self.stats.asked += 1
        try:
            completion = await self._providers[request.provider].complete(request)
            decode(completion.text, answer_type)
        except ProviderFailure as failure:
            return self._settled(request, started, "", failure=failure.kind)
        except msgspec.DecodeError as error:
            return self._settled(request, started, "", failure=Failure.INVALID, detail=str(error))
        return self._settled(request, started, completion.model, answer=completion.text)

    def _settled(self, request: Request, started: int, model: str, **what: Any) -> Settled:
        return Settled(
            key=request_key(request),
            provider=request.provider,
            model=model or request.model,
            started_ns=started,
            finished_ns=time.time_ns(),
            attempts=1,
            **what,
        )

    async def aclose(self) -> None:
        """Close the providers and the ledger; what is in flight is waited for."""
        await asyncio.gather(*(provider.aclose() for provider in self._providers.values()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
