"""Every feature as data: families, windows and timeframes, with meaning, unit, range and source.

40 families x 8 windows x 4 timeframes, and 11 across timeframes, are 1,291 features. A name is
`1m.temperature.60`: the timeframe, the family, the bars of the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import msgspec

from qe_plugins.errors import FeatureError, did_you_mean

WINDOWS = (5, 10, 20, 30, 60, 120, 240, 480)
TIMEFRAMES = ("1m", "5m", "1h", "1d")
OTHER_TIMEFRAMES = ("15m",)
"""Timeframes that may be named in place of any of the four."""

EQUATION = "40 families x 8 windows x 4 timeframes + 11 across timeframes = 1,291"


class FamilyEntry(msgspec.Struct, frozen=True):
    """One family: `extra` is how many bars it needs besides its window; `low` to `high` its range.

    `pass_` is what it sums bar by bar: 1 highs and lows, 2 powers and weighted squares.
    """

    name: str
    group: str
    meaning: str
    unit: str
    low: float
    high: float
    extra: int
    source: str
    pass_: int = 0


class FeatureEntry(msgspec.Struct, frozen=True):
    """One feature: `lookback` is how many bars of its timeframe it needs, this one included.

    `scale_free` says that prices multiplied by a power of two give the same bits.
    """

    name: str
    meaning: str
    unit: str
    low: float
    high: float
    lookback: int
    source: str
    timeframe: str
    window: int | None = None
    scale_free: bool = True


INF = float("inf")
OWN = "definition in this catalogue"


def _entries() -> Iterator[FamilyEntry]:
    yield from _motion()
    yield from _energy()
    yield from _memory()
    yield from _disorder()
    yield from _friction()


def _motion() -> Iterator[FamilyEntry]:
    rows = [
        ("velocity", "mean return of a bar", "bps", -INF, INF, 1, OWN),
        ("displacement", "close less the mean close", "deviations of closes", -INF, INF, 0, OWN),
        ("drift", "mean return over its standard error", "t", -INF, INF, 1, OWN),
        ("acceleration", "velocity of the 2nd half less the 1st", "deviations", -INF, INF, 1, OWN),
        ("jerk", "change of acceleration over three thirds", "deviations", -INF, INF, 1, OWN),
        ("phase", "angle of drift over displacement", "radians", -3.1416, 3.1416, 1, OWN),
        ("efficiency", "distance moved over the path's length", "share", 0.0, 1.0, 1,
         "Kaufman 1995"),
    ]  # fmt: skip
    yield from (FamilyEntry(row[0], "motion", *row[1:]) for row in rows)


def _energy() -> Iterator[FamilyEntry]:
    log, log1p = "ln bps^2", "ln(1 + bps^2)"
    ou = "Uhlenbeck-Ornstein 1930"
    rows = [
        ("temperature", "variance of returns", log, -INF, INF, 1, OWN, 0),
        ("kinetic", "mean squared return weighted by volume", log1p, 0.0, INF, 1, OWN, 2),
        ("potential", "half the stiffness times the squared stretch", log1p, 0.0, INF, 1, ou, 0),
        ("lagrangian", "kinetic less potential", log1p, -INF, INF, 1, OWN, 2),
        ("momentum", "mean return weighted by volume", "deviations", -INF, INF, 1, OWN, 0),
        ("inertia", "variance of closes about VWAP, by volume", log1p, 0.0, INF, 0, OWN, 2),
        ("vwap_displacement", "close less VWAP", "deviations of closes", -INF, INF, 0, OWN, 0),
    ]
    yield from (FamilyEntry(row[0], "energy", *row[1:]) for row in rows)


def _memory() -> Iterator[FamilyEntry]:
    rows = [
        ("stiffness", "reversion a bar of a fitted Ornstein-Uhlenbeck process", "1/bar", -INF, INF,
         1, "Uhlenbeck-Ornstein 1930"),
        ("half_life", "half-life of that reversion, 8.84 for none", "ln bars", -INF, 8.844, 1, OWN),
        ("echo", "autocorrelation of returns at one bar", "correlation", -INF, INF, 2, OWN),
        ("critical_slowing", "persistence of the 2nd half less the 1st", "1/bar", -INF, INF, 1,
         "Scheffer 2009"),
        ("variance_trend", "squared returns of the 2nd half over the 1st", "ln ratio", -INF, INF,
         1, "Scheffer 2009"),
        ("diffusion_ratio", "squared moves of 16 bars over 16 of one", "ratio", 0.0, INF, 16,
         "Lo-MacKinlay 1988"),
        ("hurst", "exponent of the structure function, 1 to 16 bars", "exponent", -INF, INF, 16,
         "Friedrich-Peinke 1997"),
        ("wavelet_slope", "slope of Haar energy over 5 scales", "log2 a scale", -INF, INF, 31,
         "Mallat 1989"),
    ]  # fmt: skip
    yield from (FamilyEntry(row[0], "memory", *row[1:]) for row in rows)


def _disorder() -> Iterator[FamilyEntry]:
    bns = "Barndorff-Nielsen-Shephard 2004"
    rows = [
        ("wavelet_entropy", "entropy of Haar energy over 5 scales", "share", 0.0, 1.0, 31,
         "Rosso 2001", 0),
        ("permutation_entropy", "entropy of orders of three closes", "share", 0.0, 1.0, 2,
         "Bandt-Pompe 2002", 0),
        ("symbol_entropy", "entropy of pairs of signs of returns", "share", 0.0, 1.0, 2,
         "Lopez de Prado 2018, ch. 18", 0),
        ("skewness", "third moment of returns", "deviations^3", -INF, INF, 1, "Pearson 1895", 2),
        ("kurtosis", "fourth moment of returns", "deviations^4", 1.0, INF, 1, "Pearson 1905", 2),
        ("jump_share", "one less bipower over realised variance", "share", -INF, 1.0, 2, bns, 0),
        ("downside_share", "squared falls over all squared returns", "share", 0.0, 1.0, 1,
         "Barndorff-Nielsen-Kinnebrock-Shephard 2010", 0),
    ]  # fmt: skip
    yield from (FamilyEntry(row[0], "disorder", *row[1:]) for row in rows)


def _friction() -> Iterator[FamilyEntry]:
    log1p = "ln(1 + bps^2)"
    rows = [
        ("parkinson_ratio", "variance by range over variance by close", "ln ratio", -INF, INF, 1,
         "Parkinson 1980", 0),
        ("garman_klass", "variance by range and body", log1p, 0.0, INF, 0, "Garman-Klass 1980", 0),
        ("rogers_satchell", "variance by range without drift", log1p, 0.0, INF, 0,
         "Rogers-Satchell 1991", 0),
        ("roll_spread", "spread that the bounce of closes implies", "bps", 0.0, INF, 2,
         "Roll 1984", 0),
        ("amihud", "return a contract, times 1,000", "ln(1 + bps)", 0.0, INF, 1, "Amihud 2002", 0),
        ("kyle_lambda", "return for a bar's mean volume bought", "deviations", -INF, INF, 60,
         "Kyle 1985", 0),
        ("imbalance", "bought less sold by bulk classification", "share", 0.0, 1.0, 60,
         "Easley et al. 2012", 0),
        ("volume_surge", "volume of the 2nd half over the mean", "ratio", 0.0, 2.5, 0, OWN, 0),
        ("volume_dispersion", "deviation of volume over its mean", "ratio", 0.0, INF, 0, OWN, 0),
        ("place", "close in the range, 0 at the low", "share", 0.0, 1.0, 0, "Williams 1973", 1),
        ("breakout", "close less the former high", "deviations", -INF, INF, 1, OWN, 1),
    ]  # fmt: skip
    yield from (FamilyEntry(row[0], "friction", *row[1:]) for row in rows)


FAMILIES: tuple[FamilyEntry, ...] = tuple(_entries())

ACROSS: tuple[tuple[str, str, str, float, float], ...] = (
    ("heat_1m_1h", "temperature of minutes, as of an hour, less that of hours", "ln ratio",
     -INF, INF),
    ("heat_5m_1d", "temperature of 5 minutes, as of a session, less that of sessions", "ln ratio",
     -INF, INF),
    ("cascade_slope", "slope of temperature over the log of time, less one", "exponent", -INF, INF),
    ("velocity_agreement", "mean sign of velocity over timeframes", "share", -1.0, 1.0),
    ("displacement_agreement", "mean sign of displacement over timeframes", "share", -1.0, 1.0),
    ("entropy_gradient", "permutation entropy of hours less that of minutes", "share", -1.0, 1.0),
    ("session_clock", "part of the session that has passed", "share", 0.0, 1.0),
    ("minutes_to_break", "minutes until the next halt or close", "minutes", 0.0, 1500.0),
    ("overnight_gap", "the session's first price less the last close", "deviations", -INF, INF),
    ("carry", "log price of the next contract less this one, a year", "a year", -INF, INF),
    ("sessions_to_roll", "sessions after this one before the contract is rolled", "sessions",
     0.0, 400.0),
)  # fmt: skip

USES: dict[str, tuple[str, ...]] = {
    "heat_1m_1h": ("1m.temperature.60", "1h.temperature.60"),
    "heat_5m_1d": ("5m.temperature.60", "1d.temperature.60"),
    "cascade_slope": tuple(f"{frame}.temperature.60" for frame in TIMEFRAMES),
    "velocity_agreement": tuple(f"{frame}.velocity.30" for frame in TIMEFRAMES),
    "displacement_agreement": tuple(f"{frame}.displacement.30" for frame in TIMEFRAMES),
    "entropy_gradient": ("1m.permutation_entropy.60", "1h.permutation_entropy.60"),
    "overnight_gap": ("1d.temperature.20",),
}
"""The window features that a feature across timeframes is made of."""

MOST_LOOKBACK = max(WINDOWS) + max(family.extra for family in FAMILIES)


@cache
def catalogue() -> dict[str, FeatureEntry]:
    """Return every feature by name, 1,291 of them, in the order of the timeframes."""
    return {entry.name: entry for entry in _features(TIMEFRAMES)}


@cache
def _known() -> dict[str, FeatureEntry]:
    return catalogue() | {entry.name: entry for entry in _windows(OTHER_TIMEFRAMES)}


def entry_of(name: str, others: Iterable[str] = ()) -> FeatureEntry:
    """Return the entry of a feature. Raises FeatureError with a suggestion for an unknown name.

    `others` are names of registered families' features, for the suggestion.
    """
    found = _known().get(name)
    if found is None:
        hint = did_you_mean(name, [*_known(), *others]) or "`qe features list` has them."
        raise FeatureError(f"there is no feature '{name[:80]}'.", hint=hint)
    return found


def family_number(name: str) -> int:
    """Return the number of a family in the kernel."""
    return next(n for n, family in enumerate(FAMILIES) if family.name == name)


def _features(timeframes: Iterable[str]) -> Iterator[FeatureEntry]:
    yield from _windows(timeframes)
    for name, meaning, unit, low, high in ACROSS:
        needs = [_lookback(part) for part in USES.get(name, ())]
        yield FeatureEntry(
            name=f"across.{name}",
            meaning=meaning,
            unit=unit,
            low=low,
            high=high,
            lookback=max(needs, default=1),
            source=OWN,
            timeframe="across",
        )


def _windows(timeframes: Iterable[str]) -> Iterator[FeatureEntry]:
    for frame in timeframes:
        for family in FAMILIES:
            for window in WINDOWS:
                yield FeatureEntry(
                    name=f"{frame}.{family.name}.{window}",
                    meaning=family.meaning,
                    unit=family.unit,
                    low=family.low,
                    high=family.high,
                    lookback=window + family.extra,
                    source=family.source,
                    timeframe=frame,
                    window=window,
                )


def _lookback(name: str) -> int:
    _, family, window = name.split(".")
    return int(window) + FAMILIES[family_number(family)].extra
