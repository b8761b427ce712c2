"""A provider whose SDK is imported by its first call answers as any other."""

from __future__ import annotations

import asyncio
import sys

import pytest

from qe_plugins.llm.providers import anthropic
from qe_plugins.llm.providers.base import Completion
from qe_plugins.llm.providers.registry import LateProvider, open_providers
from qe_plugins.llm.requests import Usage
from tests.llm.asks import KEY, request

pytestmark = pytest.mark.anyio


class Counted:
    made = closed = 0

    def __init__(self) -> None:
        type(self).made += 1

    async def complete(self, asked, feedback=""):
        return Completion(asked.prompt, Usage(1, 0, 1), asked.model)

    async def aclose(self):
        type(self).closed += 1


async def test_it_is_opened_once_however_many_ask_at_once():
    late = LateProvider(Counted)
    await late.aclose()
    assert (Counted.made, Counted.closed) == (0, 0)
    found = await asyncio.gather(*(late.complete(request(n)) for n in range(5)))
    await late.aclose()

    assert [one.text for one in found] == [request(n).prompt for n in range(5)]
    assert (Counted.made, Counted.closed) == (1, 1)


def test_opening_it_never_waits_for_an_import_that_another_thread_has_begun(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert anthropic.__name__ in sys.modules  # as it is from the first line of the import on

    assert isinstance(open_providers(["anthropic"], late=["anthropic"])["anthropic"], LateProvider)
