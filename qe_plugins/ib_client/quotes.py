"""Quotes of a connection: which contracts are asked for, and when the last quote of each came."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ib_async import Ticker

from qe_plugins.ib_client.reading import quote_of

if TYPE_CHECKING:
    from ib_async import Contract

    from qe_plugins.ib_client.reading import ListingClient
    from qe_plugins.ib_client.records import BrokerQuote


class QuoteBook:
    """The tickers of one client. It is for the connection's thread, but for `quotes`."""

    def __init__(self) -> None:
        self._tickers: dict[str, Ticker] = {}
        self._quoted: dict[str, float] = {}

    def ask(self, client: ListingClient, local_symbol: str, contract: Contract) -> None:
        """Have quotes of a contract sent."""
        self._tickers[local_symbol] = client.reqMktData(contract)

    def ask_again(self, client: ListingClient) -> None:
        """Ask for all quotes again: after a 1101 no stream goes on by itself."""
        for name, ticker in list(self._tickers.items()):
            if ticker.contract is not None:
                client.cancelMktData(ticker.contract)
                self._tickers[name] = client.reqMktData(ticker.contract)

    def note(self, tickers: set[Ticker]) -> None:
        """Note that quotes came."""
        now = time.monotonic()
        for name, ticker in self._tickers.items():
            if ticker in tickers:
                self._quoted[name] = now

    def forget(self) -> None:
        """Drop the tickers of a client that is gone; ages go on."""
        self._tickers.clear()

    def quotes(self, names: list[str]) -> dict[str, BrokerQuote]:
        """Return the last quotes of contracts, without prices where there is none."""
        now, found = time.monotonic(), {}
        for name in names:
            quoted = self._quoted.get(name)
            age = None if quoted is None else now - quoted
            found[name] = quote_of(self._tickers.get(name) or Ticker(), name, age)
        return found
