"""Open providers by name, by the terms of `configs/prices.yaml` and keys of the environment.

A provider's `sdk` names a factory: one of FACTORIES, or one that a plugin registers with the hook
`register_providers`.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from qe_plugins import allowed_hosts
from qe_plugins.config.env import variables
from qe_plugins.errors import ModelError, did_you_mean
from qe_plugins.llm.pricing.price_list import FILE, PriceList, ProviderTerms, price_list
from qe_plugins.llm.providers.base import Completion, Provider, ProviderSettings
from qe_plugins.llm.providers.from_plugins import (
    ProviderFactory,
    checked_provider,
    refuse_built_in,
    registered_factories,
)
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
    """Return the named providers, which their client closes.

    `base_urls` override those of the price list. The SDKs of the providers in `late` are imported
    by their first call. Raises ModelError where a key is not set or an `sdk` is not known, and
    PluginError where a plugin that registers providers fails.
    """
    known, urls = prices or price_list(), base_urls or {}
    terms = {name: known.provider(name) for name in names}
    return {name: _open(name, terms[name], urls, late=name in late) for name in terms}


class LateProvider:
    """A provider whose SDK takes seconds to import: its first call opens it, in a thread."""

    def __init__(self, build: Callable[[], Provider]) -> None:
        self._build, self._opening = build, asyncio.Lock()
        self._opened: Provider | None = None

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return one completion. Raises ProviderFailure."""
        opened = self._opened or await self._open()
        return await opened.complete(request, feedback)

    async def _open(self) -> Provider:
        async with self._opening:
            if self._opened is not None:
                return self._opened
            opened = await asyncio.to_thread(self._build)
            self._opened = opened
        return opened

    async def aclose(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.aclose()


class Address(NamedTuple):
    """The URL of a provider, and where it comes from: `base_urls`, a file or a variable."""

    url: str
    source: str

    @property
    def listed(self) -> bool:
        """Return whether it is the price list's or the vendor's own."""
        return self.source in (str(FILE), VENDOR)


def address(name: str, terms: ProviderTerms, base_urls: Mapping[str, str]) -> Address:
    """Return the address of a provider: from `base_urls`, the price list, or its own variable.

    A variable such as `OPENAI_BASE_URL` holds for the provider `openai` and for no other that
    speaks its protocol. Raises ModelError where none of them has it.
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
    """Return one provider, or with `late` one that its first call opens."""
    url = ""
    if is_remote(name, terms, base_urls):
        url = address(name, terms, base_urls).url
        allowed_hosts.check(url, what=f"provider {name}")
    settings = ProviderSettings(
        name=name,
        key=api_key(name, terms),
        base_url=url,
        concurrency=terms.concurrency,
        extra_body=terms.extra_body,
    )
    build = partial(_built, _factory(name, terms.sdk), settings)
    return LateProvider(build) if late else build()


def is_remote(name: str, terms: ProviderTerms, base_urls: Mapping[str, str]) -> bool:
    """Return whether a provider is called at an address: all are but free ones without any."""
    return not terms.free or bool(terms.base_url or base_urls.get(name))


def _factory(name: str, sdk: str) -> ProviderFactory:
    """Return the built-in factory called `sdk`, or else that of a plugin. Raises ModelError."""
    if sdk in FACTORIES:
        return FACTORIES[sdk]
    registered = registered_factories()
    refuse_built_in(registered, FACTORIES)
    if sdk in registered:
        return registered[sdk]
    known = sorted({*FACTORIES, *registered})
    hint = did_you_mean(sdk, known) or f"Known: {', '.join(known)}."
    raise ModelError(f"no `sdk` is called '{sdk}'.", where=f"{FILE}, provider {name}", hint=hint)


def _built(factory: ProviderFactory, settings: ProviderSettings) -> Provider:
    """Return what a factory builds, while variables of other vendors are hidden."""
    with _only_its_own(settings.name):
        return checked_provider(settings.name, factory(settings))


def _offline(_: ProviderSettings) -> Provider:
    return Offline()


def _openai(settings: ProviderSettings) -> Provider:
    from qe_plugins.llm.providers.openai import OpenAI  # takes a second to import

    return OpenAI(
        settings.key,
        settings.base_url,
        connections=settings.concurrency,
        extra_body=settings.extra_body,
    )


def _anthropic(settings: ProviderSettings) -> Provider:
    from qe_plugins.llm.providers.anthropic import Anthropic  # takes a second to import

    return Anthropic(settings.key, settings.base_url, connections=settings.concurrency)


FACTORIES: dict[str, ProviderFactory] = {
    "offline": _offline,
    "openai": _openai,
    "anthropic": _anthropic,
}
"""Built-in factories by the name that `sdk:` has in the price list."""


def import_sdk(terms: ProviderTerms) -> None:
    """Import a built-in provider's SDK ahead of its first call; a plugin imports its own."""
    if terms.sdk in FACTORIES:
        importlib.import_module(f"{__package__}.{terms.sdk}")


@contextmanager
def _only_its_own(name: str) -> Iterator[None]:
    """Hide the variables of other vendors while an SDK is opened, because it reads them all.

    An organisation, a project or headers that are set for `openai` must not be sent to another
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
    """Return a provider's key, empty for a free provider that names no variable.

    Raises ModelError that names the variable and never the value.
    """
    if terms.free and terms.key is None:
        return ""
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
