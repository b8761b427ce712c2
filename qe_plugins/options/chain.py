"""The option chain of a root at one moment: quotes, volatilities, Greeks, and what was left out."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import numpy as np
import polars as pl

from qe_plugins.data.options.frames import ChainData
from qe_plugins.data.options.store import load, utc_day
from qe_plugins.errors import DataError
from qe_plugins.market.option_terms import option_ticks, short_rate
from qe_plugins.options.greeks import with_greeks
from qe_plugins.options.parity import ParityCheck, parity_checks, refuse_broken
from qe_plugins.options.quotes import QuoteRules, evaluated, left_out, with_underlying


class OptionChain(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a root at a moment (UTC ns).

    `options` has a row a contract that was quoted, by expiry, strike and right: columns of quotes,
    of contracts, `iv`, `vol`, Greeks, `reason`, `spread_ticks`, `spread_vol` (volatility points).
    `rate` is annual; `left_out` counts quotes that are not used by reason.
    """

    root: str
    at: int
    rate: float
    options: pl.DataFrame
    left_out: dict[str, int]
    parity: list[ParityCheck]

    @property
    def expiries(self) -> list[int]:
        """Return the expiries (UTC ns), nearest first."""
        return sorted(self.options["expiry"].unique())

    @property
    def used(self) -> pl.DataFrame:
        """Return the options whose quotes are used."""
        return self.options.filter(pl.col("reason").is_null())


def chain_at(
    root: str,
    at: int,
    *,
    expiry: date | None = None,
    rules: QuoteRules | None = None,
    rate: float | None = None,
    check_parity: bool = True,
) -> OptionChain:
    """Return the stored chain of a root at a moment (UTC ns), of all expiries or of one day's.

    Nothing of after the moment is read. Raises DataError without quotes of then, and where
    put-call parity does not hold.
    """
    return chain_of(load(root, utc_day(at)), at, expiry, rules, rate, check_parity)


def chain_of(
    data: ChainData,
    at: int,
    expiry: date | None = None,
    rules: QuoteRules | None = None,
    rate: float | None = None,
    check_parity: bool = True,
) -> OptionChain:
    """Return the chain of loaded data; see `chain_at`."""
    rules = rules or QuoteRules()
    frame = with_underlying(data, rules.stale_minutes, at)
    if expiry is not None:
        frame = frame.filter(pl.col("expiry").cast(pl.Datetime("ns")).dt.date() == expiry)
    if not frame.height:
        moment = datetime.fromtimestamp(at // 1_000_000_000, UTC)
        raise DataError(
            f"no quote of options on {data.root}{f' of {expiry}' if expiry else ''} by "
            f"{moment:%Y-%m-%d %H:%M} UTC.",
            where="options",
            hint=_other_expiries(data, at) if expiry else "Name a later moment of that day.",
        )
    quotes = evaluated(frame, rules, rate)
    checks = parity_checks(quotes)
    if check_parity:
        refuse_broken(checks, dict(zip(quotes["expiry"], quotes["price"], strict=True)))
    options = _sorted(_with_spreads(with_greeks(quotes), data.root, utc_day(at)))
    return OptionChain(
        root=data.root,
        at=at,
        rate=short_rate(utc_day(at)).rate if rate is None else rate,
        options=options,
        left_out=left_out(quotes),
        parity=checks,
    )


def _with_spreads(frame: pl.DataFrame, root: str, on: date) -> pl.DataFrame:
    ticks = option_ticks(root, on)
    bid, ask, mid, vega = (frame[name].to_numpy() for name in ("bid", "ask", "mid", "vega"))
    tick = np.where(mid < float(ticks.below), float(ticks.tick), float(ticks.above))
    columns = {"spread_ticks": (ask - bid) / tick, "spread_vol": (ask - bid) / vega}
    return frame.hstack(
        [pl.Series(name, values, nan_to_null=True) for name, values in columns.items()]
    )


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """Return options by expiry and strike, the call of a strike before its put."""
    expiry, strike, sign = (frame[name].to_numpy() for name in ("expiry", "strike", "sign"))
    return frame[np.lexsort((-sign, strike, expiry))]


def _other_expiries(data: ChainData, at: int) -> str:
    expiries = {one.expiry for one in data.contracts.values() if one.expiry > at}
    days = sorted({f"{datetime.fromtimestamp(one // 10**9, UTC):%Y-%m-%d}" for one in expiries})
    return f"Listed: {', '.join(days)}."
