"""The assumptions of a backtest about fills and costs, as sentences for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qe_plugins.engine.contracts.terms import (
    ContractTerms,
    fees_in_words,
    margins_in_words,
    option_terms,
)
from qe_plugins.engine.simulation.settlement import settlement_sources
from qe_plugins.engine.simulation.slippage import slippage_in_words
from qe_plugins.market.sessions import delivery

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.tape import Tape

LIMITS = {"on_touch": "touches it", "on_trade_through": "trades through it"}
BASIS = {
    "overnight": "the exchange's, overnight",
    "day_trade": "a day trader's inside a session",
}
BREACH = {
    "liquidate": "a bar that closes with less than the maintenance margin closes all positions",
    "halt": "a bar that closes with less than the maintenance margin ends new risk",
    "ignore": "a breach of the maintenance margin is ignored",
}
CONSUMED = {True: ["A bar's volume fills orders once: what was taken is gone."], False: []}


def assumptions(loaded: Loaded, money: Mapping[str, ContractTerms], tape: Tape) -> list[str]:
    """Return the assumptions of this run on a tape, the most costly first."""
    venue = loaded.config.nautilus.venue
    model = venue.fill_model
    slippage = loaded.config.slippage
    fills = (
        slippage_in_words(slippage) if model is None else f"Fills are simulated by {model.type}."
    )
    rules = loaded.config.fills
    if rules.rules == "nautilus":
        fills += " All else is Nautilus as it is: no rule of configs/FILLS.md holds."
    elif rules.market == "next_open":
        fills += " They are filled at the open of the contract's next bar, not at the close."
    order = (
        "whichever of high and low is nearer to the open comes first"
        if venue.bar_adaptive_high_low_ordering
        else "the high comes before the low"
    )
    latency = (
        "Orders reach the venue at once."
        if venue.latency_model is None
        else f"Orders are delayed by Nautilus' {venue.latency_model.type}."
    )
    return [
        fills,
        f"Inside a bar the price goes from open to close, and {order}.",
        f"A limit order fills when the price {LIMITS[slippage.limit_fills]}, at its limit: "
        "a quarter of the bar's volume at each of its four prices. Through the market it slips "
        "like a market order, never past its limit.",
        *CONSUMED[venue.liquidity_consumption],
        "A stop triggers at its price, or at the open of a bar that gaps through it.",
        latency,
        _hours_sentence(loaded),
        *_cost_sentences(loaded, money),
        f"Margin is {BASIS[loaded.config.margin.basis]}; {BREACH[loaded.config.margin.on_breach]}.",
        *_expiry_sentences(loaded, tape),
        *_option_sentences(loaded, tape),
    ]


def _option_sentences(loaded: Loaded, tape: Tape) -> list[str]:
    if not tape.options:
        return []
    currency = loaded.config.nautilus.venue.base_currency or "USD"
    fees = [line for one in option_terms(tape).values() for line in fees_in_words(one, currency)]
    return [
        "Options fill at the quoted side, at most the quoted size, and have no slippage: the rest "
        "of a market order is cancelled. What is held into expiry is exercised in the money.",
        *fees,
        "Margin of options is our own scan with their future: not SPAN, nor a broker's figure.",
    ]


def _hours_sentence(loaded: Loaded) -> str:
    stale = loaded.config.fills.stale_after / 60
    waits = (
        "Orders that would trade while the market is closed, or at a price older than "
        f"{stale:g} min, wait for the next bar."
    )
    if loaded.config.session.when_closed == "refuse":
        return waits + " Market orders that add risk while it is closed are refused."
    return waits + " Market orders that add risk later than one bar after its close are refused."


def waited(stale: int, minutes: float) -> list[str]:
    """Return a sentence on how many orders waited because the price was older than `minutes`."""
    if not stale:
        return []
    orders = "1 order" if stale == 1 else f"{stale} orders"
    return [f"{orders} waited for the next bar: the last price was older than {minutes:g} min."]


def _cost_sentences(loaded: Loaded, money: Mapping[str, ContractTerms]) -> list[str]:
    venue = loaded.config.nautilus.venue
    currency = venue.base_currency or "USD"
    lines = [line for terms in money.values() for line in margins_in_words(terms, currency)]
    if venue.fee_model is not None:
        return [f"Fees come from Nautilus' {venue.fee_model.type}.", *lines]
    fees = [line for terms in money.values() for line in fees_in_words(terms, currency)]
    return [*fees, *lines]


def _expiry_sentences(loaded: Loaded, tape: Tape) -> list[str]:
    settled = settlement_sources(tape.contracts, tape.settlements, tape.end)
    if minutes := loaded.config.expiry.flat_before / 60:
        closed = f"Positions are closed {minutes:g} min before their contract expires"
        return [f"{closed}{_first_notices(tape)}.", *settled]
    return settled


def _first_notices(tape: Tape) -> str:
    """Return the contracts that reach first notice before they expire, as a clause."""
    found = []
    for contract in tape.contracts:
        symbol = contract.id.symbol.value
        known = delivery(symbol, contract.expiration_ns)
        if known is not None and known[0] <= tape.end:
            found.append(f"{symbol} on {known[1]}")
    return f", or before first notice ({', '.join(found)})" if found else ""
