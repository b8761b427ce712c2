"""Put-call parity of a chain: do call, put, future and rate agree within what it costs to trade?"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from qe_plugins.errors import DataError
from qe_plugins.options.quotes import strike_numbers, used_rows

MOST_OFF = 0.05
"""Share of strikes that may be off by more than their half-spreads before a chain is refused."""

FEWEST_PAIRS = 8
"""Pairs below which an expiry is not judged."""


class ParityCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Parity of one expiry. Errors are points of C - P - D (F - K), without early exercise.

    `within` is the share of pairs no further off than the two half-spreads; `forward` and `rate`
    are those at which the pairs fit best, None with too few of them.
    """

    expiry: int
    pairs: int
    median_error: float
    p95_error: float
    within: float
    forward: float | None
    rate: float | None

    @property
    def holds(self) -> bool:
        """Return whether the expiry may be used."""
        return self.pairs < FEWEST_PAIRS or self.within >= 1 - MOST_OFF


def parity_pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Return calls less puts of the same moment, expiry and strike, with `error` and `allowed`.

    `frame` has evaluated quotes; only those that are used make pairs, of a strike that is listed
    twice the first ones. Rows are by moment, expiry and strike.
    """
    used, numbers = used_rows(frame), strike_numbers(frame)
    calls, puts = (np.flatnonzero(used & (frame["sign"].to_numpy() == sign)) for sign in (1, -1))
    _, one, other = np.intersect1d(numbers[calls], numbers[puts], return_indices=True)
    call, put = calls[one], puts[other]
    names = ("expiry", "strike", "years", "price", "discount", "european")
    expiry, strike, years, price, discount, european = (frame[name].to_numpy() for name in names)
    half = (frame["ask"].to_numpy() - frame["bid"].to_numpy()) / 2
    difference = european[call] - european[put]
    return pl.DataFrame(
        {
            "expiry": expiry[call],
            "strike": strike[call],
            "years": years[call],
            "difference": difference,
            "error": difference - discount[call] * (price[call] - strike[call]),
            "allowed": half[call] + half[put],
        }
    )


def parity_checks(frame: pl.DataFrame) -> list[ParityCheck]:
    """Return the check of each expiry among evaluated quotes of one moment."""
    pairs = parity_pairs(frame)
    expiries, starts, counts = np.unique(
        pairs["expiry"].to_numpy(), return_index=True, return_counts=True
    )
    parts = zip(expiries.tolist(), starts.tolist(), counts.tolist(), strict=True)
    return [parity_check(pairs.slice(start, count), expiry) for expiry, start, count in parts]


def parity_check(pairs: pl.DataFrame, expiry: int) -> ParityCheck:
    """Return the check of pairs of one expiry."""
    error = np.abs(pairs["error"].to_numpy())
    forward, rate = _implied_forward(pairs)
    return ParityCheck(
        expiry=expiry,
        pairs=pairs.height,
        median_error=float(np.median(error)),
        p95_error=float(np.quantile(error, 0.95)),
        within=float((error <= pairs["allowed"].to_numpy() + 1e-9).mean()),
        forward=forward,
        rate=rate,
    )


def refuse_broken(checks: list[ParityCheck], prices: dict[int, float]) -> None:
    """Raise DataError for an expiry whose strikes are off by more than their spreads allow.

    `prices` has the future's price by expiry. The message says what would fit: a wrong price of the
    future moves every strike alike, a wrong rate in proportion to its distance.
    """
    for one in checks:
        if not one.holds:
            fits = ""
            if one.forward is not None and one.rate is not None:
                fits = (
                    f" They fit a forward of {one.forward:,.2f} (the future is at "
                    f"{prices[one.expiry]:,.2f}) and a rate of {one.rate:.2%}."
                )
            raise DataError(
                f"put-call parity is off by more than the spreads for {1 - one.within:.0%} of "
                f"{one.pairs} strikes.{fits}",
                where="options",
                hint="Check the future's price and the rate, or pass --no-parity to look at it.",
            )


def _implied_forward(pairs: pl.DataFrame) -> tuple[float | None, float | None]:
    """Return forward and rate of C - P = D F - D K by least squares, None with too few pairs."""
    if pairs.height < FEWEST_PAIRS:
        return None, None
    slope, level = np.polyfit(pairs["strike"].to_numpy(), pairs["difference"].to_numpy(), 1)
    years = float(pairs["years"].to_numpy().mean())
    if not (slope < 0 and years > 0):
        return None, None
    return float(level / -slope), float(-np.log(-slope) / years)
