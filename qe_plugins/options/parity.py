"""Put-call parity of a chain: do call, put, future and rate agree within what it costs to trade?"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from qe_plugins.errors import DataError

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
    """Return calls beside puts of the same moment, expiry and strike, with `error` and `allowed`.

    `frame` has evaluated quotes; only those that are used make pairs.
    """
    used = frame.filter(pl.col("reason").is_null()).with_columns(
        half=(pl.col("ask") - pl.col("bid")) / 2
    )
    keys = ["now", "expiry", "strike"]
    calls = used.filter(pl.col("sign") > 0).select(
        *keys, "price", "discount", "years", call="european", call_half="half"
    )
    puts = used.filter(pl.col("sign") < 0).select(*keys, put="european", put_half="half")
    forward_value = pl.col("discount") * (pl.col("price") - pl.col("strike"))
    return calls.join(puts, on=keys).with_columns(
        error=pl.col("call") - pl.col("put") - forward_value,
        allowed=pl.col("call_half") + pl.col("put_half"),
    )


def parity_checks(frame: pl.DataFrame) -> list[ParityCheck]:
    """Return the check of each expiry among evaluated quotes of one moment."""
    pairs = parity_pairs(frame)
    return [
        parity_check(part, int(key[0]))
        for key, part in sorted(pairs.group_by("expiry"), key=lambda one: one[0])
    ]


def parity_check(pairs: pl.DataFrame, expiry: int) -> ParityCheck:
    """Return the check of pairs of one expiry."""
    error = pairs["error"].abs().to_numpy()
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
    strike = pairs["strike"].to_numpy()
    slope, level = np.polyfit(strike, (pairs["call"] - pairs["put"]).to_numpy(), 1)
    years = float(pairs["years"].mean())  # type: ignore[arg-type]
    if not (slope < 0 and years > 0):
        return None, None
    return float(level / -slope), float(-np.log(-slope) / years)
