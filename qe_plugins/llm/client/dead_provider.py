"""Detect a provider that answers no call at all, from its first calls."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec

from qe_plugins.llm.providers.base import Completion, ProviderFailure
from qe_plugins.llm.requests import Failure

FEW = 3
"""Consecutive calls refused for good before the first answer."""

MANY = 20
"""The same after an answer, and for refusals that may be due to one request."""

UNREACHED, PATIENCE = 5, 2.0
"""Failed connections, and the seconds over which they failed, before the first answer."""

HINTS = {
    401: "Check {key}.",
    402: "The account has no money left: top it up, then `qe fleet resume`.",
    403: "The key may not use this model: look at its permissions.",
    404: "Check the model's name in `ranks:` and configs/prices.yaml, and `base_urls:`.",
}
LOOK = "Check the request's settings in the fleet's file."
LISTENS = "Is anything listening there? Check `base_urls:` and the network, then `qe fleet resume`."


class ProviderHalt(msgspec.Struct, frozen=True, kw_only=True):
    """Why a provider gets no more calls. A `lasting` reason needs a change by the user."""

    where: str
    message: str
    hint: str
    lasting: bool


class ProviderTrouble:
    """Watches the results of calls to one provider. `halt` is None while it is usable."""

    def __init__(self, provider: str, key: str | None) -> None:
        self.halt: ProviderHalt | None = None
        self._provider, self._key = provider, key or "its key"
        self._answered: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._unreached, self._since = 0, 0.0
        self._sleepers: set[asyncio.Event] = set()

    def note(self, model: str, ended: Completion | ProviderFailure) -> None:
        """Record the result of a call to a model."""
        if isinstance(ended, Completion) or ended.kind is Failure.REFUSED:
            self._answered.add(model)
            self._refused[model] = self._unreached = 0
        elif ended.kind is Failure.BAD_REQUEST:
            self._refusal(model, ended)
        elif ended.unreached and not self._answered:
            self._no_connection(ended)

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until the provider is halted."""
        woken = asyncio.Event()
        self._sleepers.add(woken)
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            self._sleepers.discard(woken)

    def _refusal(self, model: str, ended: ProviderFailure) -> None:
        self._refused[model] += 1
        first = model not in self._answered and ended.status in HINTS
        if self._refused[model] < (FEW if first else MANY):
            return
        hint = HINTS.get(ended.status or 0, LOOK).format(key=self._key)
        self._stop(f"{model} answers no call: {ended.detail}.", hint, lasting=True)

    def _no_connection(self, ended: ProviderFailure) -> None:
        now = asyncio.get_running_loop().time()
        self._since = self._since if self._unreached else now
        self._unreached += 1
        if self._unreached >= UNREACHED and now - self._since >= PATIENCE:
            self._stop(f"cannot be reached: {ended.detail}.", LISTENS, lasting=False)

    def _stop(self, message: str, hint: str, *, lasting: bool) -> None:
        if self.halt is None:
            where = f"provider {self._provider}"
            self.halt = ProviderHalt(where=where, message=message, hint=hint, lasting=lasting)
            for woken in self._sleepers:
                woken.set()
