"""The volatility surface: an SVI slice an expiry, checked for arbitrage; the last good one is kept.

Where slices cross in time (a calendar spread with a negative price), all expiries are fitted
together as SSVI, whose parameters forbid it (Gatheral and Jacquier, 2014).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import polars as pl

from qe_plugins.options.kernel.svi import durrleman, fit_slice, total_variance
from qe_plugins.options.quotes import used_rows
from qe_plugins.options.ssvi import JointFit, fit_joint

COLUMNS = ["strike", "price", "years", "discount", "bid", "ask", "iv"]
"""Of evaluated quotes, what a slice is fitted from."""

FEWEST = 8
"""Out-of-the-money quotes that a slice needs."""

SPACING = 0.005
"""Distance of grid points in log-moneyness, at which arbitrage is looked for."""

WIDTHS = (0.005, 0.02, 0.05, 0.1)
"""Bounds of a slice's `s`, tried until one has no arbitrage: sharper bends fit closer."""

TOLERANCE = 1e-8
"""Total variance by which a later expiry may be below an earlier one: rounding."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The fit of one expiry: total variance w(x) = a + d (x - m) + c sqrt((x - m)^2 + s^2).

    `x` is ln(strike / forward). `expiry` and `at` (of the quotes) are UTC ns, `low` and `high` the
    range of quoted `x`. `median_error` and `p95_error` are in volatility (0.0001 is 0.01 points);
    `inside` is the share of quotes whose spread holds the fitted price.
    """

    expiry: int
    at: int
    years: float
    forward: float
    a: float
    d: float
    c: float
    m: float
    s: float
    low: float
    high: float
    quotes: int
    median_error: float
    p95_error: float
    inside: float

    @property
    def at_the_money(self) -> float:
        """Return the annual volatility at the forward."""
        return float(self.volatility(np.zeros(1))[0])

    @property
    def parameters(self) -> np.ndarray:
        """Return (a, d, c, m, s)."""
        return np.array([self.a, self.d, self.c, self.m, self.s])

    def total(self, x: np.ndarray) -> np.ndarray:
        """Return total variances at log-moneyness `x`."""
        out = np.empty(len(x))
        total_variance(self.parameters, np.ascontiguousarray(x, dtype=float), out)
        return out

    def volatility(self, x: np.ndarray) -> np.ndarray:
        """Return annual volatilities at log-moneyness `x`."""
        found: np.ndarray = np.sqrt(np.maximum(self.total(x), 0.0) / self.years)
        return found


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """Slices by expiry at a moment (UTC ns). `kept` says why a slice is an earlier moment's.

    `failed` has expiries without any slice, with the reason; `joint` is the SSVI fit that replaced
    slices which crossed, else None.
    """

    at: int
    slices: Mapping[int, Slice]
    kept: Mapping[int, str]
    failed: Mapping[int, str]
    joint: JointFit | None = None

    @property
    def complete(self) -> bool:
        """Return whether every expiry has a slice of this moment."""
        return not self.kept and not self.failed

    def volatility(self, expiry: int, strike: np.ndarray, forward: float) -> np.ndarray:
        """Return volatilities of strikes of an expiry. Raises KeyError where it has no slice."""
        return self.slices[expiry].volatility(np.log(strike / forward))


def fit_surface(options: pl.DataFrame, at: int, last: Surface | None = None) -> Surface:
    """Return the surface of evaluated quotes of one moment (UTC ns).

    A slice that cannot be fitted, or has butterfly arbitrage within its quotes, is taken from
    `last`; `kept` and `failed` say so.
    """
    slices, kept, failed = {}, {}, {}
    usable, expiries = _usable(options), options["expiry"].to_numpy()
    for expiry in np.unique(expiries).tolist():
        rows = np.flatnonzero(usable & (expiries == expiry))
        found = fit_expiry(options[rows, COLUMNS], expiry, at)
        if isinstance(found, Slice):
            slices[expiry] = found
        elif last is not None and expiry in last.slices:
            slices[expiry] = last.slices[expiry]
            kept[expiry] = found
        else:
            failed[expiry] = found
    joint = None
    if not kept and crossing(list(slices.values())):
        joint, slices = _joint(list(slices.values()))
    return Surface(at=at, slices=slices, kept=kept, failed=failed, joint=joint)


def fit_expiry(part: pl.DataFrame, expiry: int, at: int) -> Slice | str:
    """Return the slice of one expiry's out-of-the-money quotes, or why there is none."""
    if part.height < FEWEST:
        return f"{part.height} usable quotes out of the money, of {FEWEST} needed"
    part = part[np.argsort(part["strike"].to_numpy(), kind="stable")]
    forward, years = float(part["price"][0]), float(part["years"][0])
    x, iv = np.log(part["strike"].to_numpy() / forward), part["iv"].to_numpy()
    total = iv * iv * years
    out, worst = np.empty(5), math.nan
    for least in WIDTHS:
        if not math.isfinite(fit_slice(x, total, 1.0 / (4.0 * total * years), least, out)):
            return "no slice fits"
        one = _slice(part, expiry, at, out, x, iv)
        if (worst := butterfly(one)) >= 0:
            return one
    return f"butterfly arbitrage: Durrleman's function is {worst:.3f}"


def butterfly(one: Slice) -> float:
    """Return the least value of Durrleman's function within the quotes: negative is arbitrage."""
    x = np.arange(one.low, one.high + SPACING, SPACING)
    out = np.empty(len(x))
    durrleman(one.parameters, x, out)
    return float(out.min())


def crossing(slices: Sequence[Slice]) -> list[int]:
    """Return expiries whose total variance is below that of the expiry before, on common quotes."""
    ordered = sorted(slices, key=lambda one: one.expiry)
    found = []
    for before, after in pairwise(ordered):
        x = np.arange(max(before.low, after.low), min(before.high, after.high), SPACING)
        if len(x) and (after.total(x) < before.total(x) - TOLERANCE).any():
            found.append(after.expiry)
    return found


def surface_features(surface: Surface, realised: float | None = None) -> dict[str, float]:
    """Return figures of a surface: volatilities in 1 (0.16), slopes by unit of log-moneyness.

    Of the nearest expiry at least a week away: `atm`, `slope`, `curvature`; with a second expiry
    `term_slope` (per year), with a realised volatility `vrp`, implied less realised.
    """
    ordered = sorted(surface.slices.values(), key=lambda one: one.expiry)
    far = [one for one in ordered if one.years * 365 >= 7] or ordered
    if not far:
        return {}
    near, h = far[0], 0.01
    low, atm, high = near.volatility(np.array([-h, 0.0, h])).tolist()
    figures = {
        "atm": atm,
        "slope": (high - low) / (2 * h),
        "curvature": (high - 2 * atm + low) / (h * h),
    }
    if len(far) > 1:
        figures["term_slope"] = (far[1].at_the_money - atm) / (far[1].years - near.years)
    if realised is not None:
        figures["vrp"] = atm - realised
    return figures


def _usable(options: pl.DataFrame) -> np.ndarray:
    """Return which options are used and out of the money; of those at the money the calls."""
    sign, strike, price = (options[name].to_numpy() for name in ("sign", "strike", "price"))
    outside = sign * (strike - price)
    found: np.ndarray = used_rows(options) & ((outside > 0) | ((outside == 0) & (sign > 0)))
    return found


def _slice(
    part: pl.DataFrame, expiry: int, at: int, p: np.ndarray, x: np.ndarray, iv: np.ndarray
) -> Slice:
    years, forward = float(part["years"][0]), float(part["price"][0])
    total = np.empty(len(x))
    total_variance(p, x, total)
    fitted = np.sqrt(np.maximum(total, 0.0) / years)
    errors = np.abs(fitted - iv)
    width = iv * math.sqrt(years)
    density = np.exp(-0.5 * (-x / width + width / 2) ** 2) / math.sqrt(2 * math.pi)
    vega = part["discount"].to_numpy() * forward * density * math.sqrt(years)
    half = (part["ask"].to_numpy() - part["bid"].to_numpy()) / 2
    a, d, c, m, s = p.tolist()
    return Slice(
        expiry=expiry,
        at=at,
        years=years,
        forward=forward,
        a=a,
        d=d,
        c=c,
        m=m,
        s=s,
        low=float(x[0]),
        high=float(x[-1]),
        quotes=len(x),
        median_error=float(np.median(errors)),
        p95_error=float(np.quantile(errors, 0.95)),
        inside=float((errors * vega <= half).mean()),
    )


def _joint(slices: list[Slice]) -> tuple[JointFit, dict[int, Slice]]:
    """Return an SSVI fit of slices that cross, and the slices that it implies."""
    ordered = sorted(slices, key=lambda one: one.expiry)
    grids = [np.linspace(one.low, one.high, 41) for one in ordered]
    joint = fit_joint([one.total(np.zeros(1))[0] for one in ordered], grids,
                      [one.total(x) for one, x in zip(ordered, grids, strict=True)])  # fmt: skip
    replaced = {}
    for one, x, theta in zip(ordered, grids, joint.thetas, strict=True):
        a, d, c, m, s = joint.slice_parameters(theta)
        made = msgspec.structs.replace(one, a=a, d=d, c=c, m=m, s=s)
        moved = np.abs(made.volatility(x) - one.volatility(x))
        replaced[one.expiry] = msgspec.structs.replace(
            made,
            median_error=one.median_error + float(np.median(moved)),
            p95_error=one.p95_error + float(np.quantile(moved, 0.95)),
        )
    return joint, replaced
