"""Check before a run that the account is in the contracts' currency and nets positions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nautilus_trader import model

if TYPE_CHECKING:
    from nautilus_trader.model import FuturesContract

    from qe_plugins.config.loader import Loaded
    from qe_plugins.engine.running.components import Component

USD = "USD"
CODE = re.compile(r"\s([A-Za-z]{3,5})\s*$")
VENUE = ("nautilus", "venue")
NETS = "A futures account nets: write NETTING, or leave it out."


def check_currency(loaded: Loaded, contracts: Iterable[FuturesContract]) -> None:
    """Raise ConfigError unless account and contracts are in USD: there are no exchange rates.

    Fees and margins are in USD in any case.
    """
    for contract in contracts:
        if (code := contract.currency.code) != USD:
            raise loaded.error(
                f"{contract.id} is in {code}; only contracts in {USD} can be traded.",
                "data",
                hint="Limit the run with `roots:` or `instruments:`.",
            )
    venue = loaded.config.nautilus.venue
    base = [("base_currency", venue.base_currency)] if venue.base_currency else []
    balances = [
        ("starting_balances", found[1])
        for text in venue.starting_balances
        if (found := CODE.search(text))  # the engine rejects other texts
    ]
    for key, code in [*base, *balances]:
        if code != USD:
            raise loaded.error(
                f"the account is in {code}, the contracts are in {USD}, and there is no rate.",
                *VENUE,
                key,
                hint=f"Write it in {USD}.",
            )


def check_netting(loaded: Loaded, every_component: Iterable[Component]) -> None:
    """Raise ConfigError where the venue's or a component's settings say HEDGING."""
    if loaded.config.nautilus.venue.oms_type != "NETTING":
        raise _hedging_error(loaded, *VENUE, "oms_type")
    for component in every_component:
        written = (component.options or {}).get("oms_type")
        if _is_hedging(written) or any(map(_hedges, component.arguments)):
            raise _hedging_error(loaded, component.section, component.name)


def refuse_hedging(loaded: Loaded, component: Component, instance: Any) -> None:
    """Raise ConfigError where a component's own configuration sets hedging."""
    if _hedges(getattr(instance, "config", None)):
        raise _hedging_error(loaded, component.section, component.name)


def _hedges(settings: Any) -> bool:
    return _is_hedging(getattr(settings, "oms_type", None))


def _is_hedging(oms_type: Any) -> bool:
    return bool(oms_type == model.OmsType.HEDGING or oms_type == "HEDGING")


def _hedging_error(loaded: Loaded, *keys: str) -> Exception:
    return loaded.error("oms_type HEDGING keeps a long and a short side by side.", *keys, hint=NETS)
