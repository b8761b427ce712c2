"""What an account must be before a run: in the contracts' currency, and netting."""

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

    Fees and margins are USD too, whatever the currency of the account.
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
        if (found := CODE.search(text))  # what is no amount, the engine refuses
    ]
    for key, code in [*base, *balances]:
        if code != USD:
            raise loaded.error(
                f"the account is in {code}, the contracts are in {USD}, and there is no rate.",
                *VENUE,
                key,
                hint=f"Write it in {USD}.",
            )


def check_netting(loaded: Loaded, parts: Iterable[Component]) -> None:
    """Raise ConfigError where the venue or a component's settings ask for hedging."""
    if loaded.config.nautilus.venue.oms_type != "NETTING":
        raise _hedging(loaded, *VENUE, "oms_type")
    for part in parts:
        written = (part.options or {}).get("oms_type")
        if _is_hedging(written) or any(map(_hedges, part.arguments)):
            raise _hedging(loaded, part.section, part.name)


def refuse_hedging(loaded: Loaded, part: Component, made: Any) -> None:
    """Raise ConfigError where a component that was made asks for hedging by itself."""
    if _hedges(getattr(made, "config", None)):
        raise _hedging(loaded, part.section, part.name)


def _hedges(settings: Any) -> bool:
    return _is_hedging(getattr(settings, "oms_type", None))


def _is_hedging(asked: Any) -> bool:
    return bool(asked == model.OmsType.HEDGING or asked == "HEDGING")


def _hedging(loaded: Loaded, *keys: str) -> Exception:
    return loaded.error("oms_type HEDGING keeps a long and a short side by side.", *keys, hint=NETS)
