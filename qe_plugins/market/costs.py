"""What a contract costs: fees a side and margins, as they were on a day."""

from __future__ import annotations

from datetime import date

from qe_plugins.market.terms import Fee, Margin, latest, market

__all__ = ["Fee", "Margin", "fees", "margins"]


def fees(root: str, on: date) -> Fee:
    """Return the fees of one contract, one side, on a day, in USD.

    Before the first entry of `configs/markets.yaml` the first one holds; `since` tells. Raises
    DataError for an unknown root.
    """
    return latest(market(root).fees, on, lambda fee: fee.since)


def margins(root: str, on: date) -> Margin:
    """Return the margins of one contract on a day, in USD; see `fees` for days before the first."""
    return latest(market(root).margins, on, lambda margin: margin.since)
