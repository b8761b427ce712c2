"""Providers by name, as `configs/prices.yaml` describes them, with keys from the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qe_plugins import hosts
from qe_plugins.config.env import variables
from qe_plugins.errors import ModelError
from qe_plugins.llm.offline import Offline
from qe_plugins.llm.pricelist import PriceList, ProviderTerms, price_list
from qe_plugins.llm.provider import Provider
from qe_plugins.saying import keep_secret


def open_providers(
    names: Iterable[str],
    *,
    base_urls: Mapping[str, str] | None = None,
    prices: PriceList | None = None,
) -> dict[str, Provider]:
    """Return the named providers, to be closed by their client.

    `base_urls` go over those of the price list. Raises ModelError where a key is not set.
    """
    known, urls = prices or price_list(), base_urls or {}
    terms = {name: known.provider(name) for name in names}
    return {name: _open(name, terms[name], urls.get(name)) for name in terms}


def _open(name: str, terms: ProviderTerms, base_url: str | None) -> Provider:
    """Open one provider; its SDK is imported here, where it is wanted."""
    url = base_url or terms.base_url
    if url is not None and terms.sdk != "offline":
        hosts.check(url, what=f"provider {name}")
    match terms.sdk:
        case "offline":
            return Offline()
        case "anthropic":
            from qe_plugins.llm.anthropic import Anthropic

            return Anthropic(api_key(name, terms), url, connections=terms.concurrency)
        case "openai":
            from qe_plugins.llm.openai import OpenAI

            if url is None:
                hint = "Give it a base_url in configs/prices.yaml."
                raise ModelError("has no base_url.", where=f"provider {name}", hint=hint)
            key, extra = api_key(name, terms), terms.extra_body
            return OpenAI(key, url, connections=terms.concurrency, extra_body=extra)


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
