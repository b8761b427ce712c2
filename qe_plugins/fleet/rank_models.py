"""Provider, model, address and API key of each rank."""

from __future__ import annotations

from qe_plugins import allowed_hosts
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, rank_of
from qe_plugins.llm.pricing.price_list import PriceList, price_list
from qe_plugins.llm.providers.offline import MODEL, NAME
from qe_plugins.llm.providers.registry import Address, address, api_key, is_remote


def providers(fleet: Fleet, prices: PriceList) -> set[str]:
    """Return the names of the providers of all ranks."""
    return {provider_and_model(fleet, level, prices)[0] for level in Level}


def addresses(fleet: Fleet) -> dict[str, Address]:
    """Return the address of each provider by name; the offline rules have none."""
    known = price_list()
    return {
        name: address(name, known.provider(name), fleet.base_urls)
        for name in sorted(providers(fleet, known))
        if is_remote(name, known.provider(name), fleet.base_urls)
    }


def provider_and_model(fleet: Fleet, level: Level, prices: PriceList) -> tuple[str, str]:
    """Return the names of a rank's provider and model."""
    model = rank_of(fleet, level).model
    terms = prices.model(model)
    return (terms.provider, model) if fleet.provider == "models" else (NAME, MODEL)


def refuse_unusable_providers(fleet: Fleet) -> None:
    """Raise ModelError where a provider of a fleet has no key, ConfigError for a foreign host."""
    known = price_list()
    for name, where in addresses(fleet).items():
        api_key(name, known.provider(name))
        allowed_hosts.check(where.url, what=f"provider {name}")
