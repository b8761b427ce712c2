"""Providers by name, as `configs/prices.yaml` describes them, with keys from the environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from qe_plugins import allowed_hosts
from qe_plugins.config.env import variables
from qe_plugins.errors import ModelError
from qe_plugins.llm.pricing.price_list import FILE, PriceList, ProviderTerms, price_list
from qe_plugins.llm.providers.base import Completion, Provider
from qe_plugins.llm.providers.offline import Offline
from qe_plugins.llm.requests import Request
from qe_plugins.safe_text import keep_secret

VENDORS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
VENDOR = "its vendor"


def open_providers(
    names: Iterable[str],
    *,
    base_urls: Mapping[str, str] | None = None,
    prices: PriceList | None = None,
    late: Collection[str] = (),
) -> dict[str, Provider]:
    """Return the named providers, to be closed by their client.

    `base_urls` go over those of the price list. The SDKs of those that are `late` are imported when
    they are first asked. Raises ModelError where a key is not set.
    """
    known, urls = prices or price_list(), base_urls or {}
    terms = {name: known.provider(name) for name in names}
    return {name: _open(name, terms[name], urls, late=name in late) for name in terms}


class Late:
    """A provider whose SDK takes seconds to import: opened by its first call, beside the loop."""

    def __init__(self, make: Callable[[], Provider]) -> None:
        self._make, self._opening = make, asyncio.Lock()
        self._opened: Provider | None = None

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return one completion. Raises ProviderFailure as `Provider` says."""
        opened = self._opened or await self._open()
        return await opened.complete(request, feedback)

    async def _open(self) -> Provider:
        async with self._opening:
            if self._opened is not None:
                return self._opened
            opened = await asyncio.to_thread(self._make)
            self._opened = opened
        return opened

    async def aclose(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.aclose()


class Address(NamedTuple):
    """Where a provider is asked, and what says so. `listed` is the one of the price list."""

    url: str
    source: str

    @property
    def listed(self) -> bool:
        """Return whether it is where everybody would expect it."""
        return self.source in (str(FILE), VENDOR)


def address(name: str, terms: ProviderTerms, base_urls: Mapping[str, str]) -> Address:
    """Return where a provider is asked: by `base_urls`, the price list, or its own variable.

    A variable such as `OPENAI_BASE_URL` is for the provider `openai` and for no other that speaks
    its protocol. Raises ModelError where nothing says it.
    """
    own = f"{terms.sdk.upper()}_BASE_URL"
    if url := base_urls.get(name):
        return Address(url, "base_urls")
    if terms.base_url:
        return Address(terms.base_url, str(FILE))
    if name == terms.sdk and (url := variables().get(own, "").strip()):
        return Address(url, own)
    if terms.sdk in VENDORS and name == terms.sdk:
        return Address(VENDORS[terms.sdk], VENDOR)
    hint = f"Give it a base_url in {FILE}."
    raise ModelError("has no base_url.", where=f"provider {name}", hint=hint)


def _open(name: str, terms: ProviderTerms, base_urls: Mapping[str, str], *, late: bool) -> Provider:
    """Open one provider, or one that is opened by its first call."""
    if terms.sdk == "offline":
        return Offline()
    key, url = api_key(name, terms), address(name, terms, base_urls).url
    allowed_hosts.check(url, what=f"provider {name}")
    make = partial(_made, name, terms, key, url)
    return Late(make) if late else make()


def _made(name: str, terms: ProviderTerms, key: str, url: str) -> Provider:
    """Return a provider; its SDK is imported here, where it is wanted."""
    with _only_its_own(name):
        if terms.sdk == "anthropic":
            from qe_plugins.llm.providers.anthropic import Anthropic

            return Anthropic(key, url, connections=terms.concurrency)
        from qe_plugins.llm.providers.openai import OpenAI

        return OpenAI(key, url, connections=terms.concurrency, extra_body=terms.extra_body)


@contextmanager
def _only_its_own(name: str) -> Iterator[None]:
    """Hide the variables of other providers while an SDK is opened: it reads whatever is there.

    An organisation, a project or headers that are set for `openai` are no business of another
    service that speaks the same protocol.
    """
    hidden = {
        variable: os.environ.pop(variable)
        for sdk in VENDORS
        for variable in list(os.environ)
        if variable.startswith(f"{sdk.upper()}_") and sdk != name
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


def api_key(name: str, terms: ProviderTerms) -> str:
    """Return a provider's key. Raises ModelError that names its variable, never the value."""
    variable = terms.key or f"{name.upper()}_API_KEY"
    key = variables().get(variable, "").strip()
    if not key:
        raise ModelError(
            "is not set.",
            where=variable,
            hint=f"Put {variable}=... into .env or the environment, or use provider: offline.",
        )
    keep_secret(key, f"<{variable}>")
    return key
