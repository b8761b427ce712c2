"""Listed options at their market prices, for tasks: every figure is computed here, none asked for.

A row is one contract, or a vertical spread of two: prices at which it can be traded, implied
volatility beside that of the surface, Greeks, and how liquid it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import polars as pl

from qe_plugins.fleet.settings import Chains
from qe_plugins.market.specs import market
from qe_plugins.options.chain import chain_at
from qe_plugins.options.surface import fit_surface

FIGURES = ("strike", "sign", "years", "price", "bid", "ask", "bid_size", "ask_size", "iv")
GREEKS = ("delta", "gamma", "vega", "theta", "spread_ticks", "spread_vol")
COLUMNS = ("symbol", "instrument", "expiry", *FIGURES, "surface", *GREEKS)


def chain_frame(root: str, at: int) -> pl.DataFrame:
    """Return the stored chain of a root at a moment (UTC ns), with `surface`, its volatility there.

    Options without a usable quote, or of an expiry without a surface, are left out. Raises
    DataError without a chain of then, and where put-call parity does not hold.
    """
    chain = chain_at(root, at)
    surface = fit_surface(chain.options, at)
    parts = []
    for expiry, one in surface.slices.items():
        part = chain.used.filter((pl.col("expiry") == expiry) & pl.col("delta").is_not_null())
        if part.height:
            forward = float(part["price"][0])
            fitted = one.volatility((part["strike"] / forward).log().to_numpy())
            parts.append(part.with_columns(pl.Series("surface", fitted)))
    exchange = market(root).exchange
    frame = pl.concat(parts) if parts else chain.used.clear().with_columns(surface=pl.lit(0.0))
    named = frame.with_columns(instrument=pl.col("future") + f".{exchange}")
    return named.select(COLUMNS).sort("expiry", "strike", "sign")


def chain_rows(frame: pl.DataFrame, wanted: Chains) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield what tasks are about: contracts, then spreads as what is sold and what is bought."""
    days = pl.col("years") * 365
    low, high = wanted.delta
    kept = frame.filter(
        days.is_between(*wanted.days) & pl.col("delta").abs().is_between(low, high)
    ).to_dicts()
    yield from ((one,) for one in kept)
    every = {(one["expiry"], one["sign"], one["strike"]): one for one in frame.to_dicts()}
    for width in wanted.widths:
        for one in kept:
            key = (one["expiry"], one["sign"], one["strike"] + one["sign"] * width)
            if (far := every.get(key)) is not None:
                yield one, far


def option_figures(one: dict[str, Any], realised: float) -> dict[str, float]:
    """Return the figures of one contract; volatilities are annual, 0.16 is 16%.

    `off_surface` is implied less surface volatility in half-spreads, `deviations` the distance of
    the strike; prices are points.
    """
    half = one["spread_vol"] / 200
    distance = math.log(one["strike"] / one["price"])
    return {
        "bid": one["bid"],
        "ask": one["ask"],
        "implied": one["iv"],
        "surface": one["surface"],
        "off_surface": (one["iv"] - one["surface"]) / half if half > 0 else 0.0,
        "realised": realised,
        "implied_over_realised": one["iv"] / realised - 1 if realised > 0 else 0.0,
        "deviations": distance / (one["iv"] * math.sqrt(one["years"])),
        "delta": one["delta"],
        "gamma": one["gamma"],
        "vega": one["vega"],
        "theta": one["theta"],
        "spread_ticks": one["spread_ticks"],
        "bid_size": one["bid_size"] or 0.0,
        "ask_size": one["ask_size"] or 0.0,
    }


def spread_figures(
    sold: dict[str, Any], bought: dict[str, Any], realised: float
) -> dict[str, float]:
    """Return the figures of a spread that is sold at its bid and bought at its offer.

    `credit_of_width` is what comes in as a part of the width, the rest of which can be lost.
    """
    width = abs(sold["strike"] - bought["strike"])
    credit = sold["bid"] - bought["ask"]
    figures = option_figures(sold, realised)
    kept = ("implied", "surface", "off_surface", "realised", "implied_over_realised", "deviations")
    return {
        "credit": credit,
        "credit_of_width": credit / width,
        **{name: figures[name] for name in kept},
        "skew": bought["iv"] / sold["iv"] - 1,
        **{name: bought[name] - sold[name] for name in ("delta", "gamma", "vega", "theta")},
        "spread_ticks": sold["spread_ticks"] + bought["spread_ticks"],
        "bid_size": sold["bid_size"] or 0.0,
        "ask_size": bought["ask_size"] or 0.0,
    }
