"""One factor by year, month, hour, root or volatility: a report, and no ground to choose on."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import polars as pl

from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.session_scores import score_half, standardize
from qe_plugins.research.factors.significance import t_values

type Part = Literal["year", "month", "hour", "root", "volatility"]

THIRDS = ("calm", "usual", "wild")


class FactorPart(msgspec.Struct, frozen=True):
    """A factor in one part of both halves: `t` is over its sessions, `ic` over its decisions."""

    part: str
    decisions: int
    sessions: int
    t: float
    ic: float


def by_part(data: FactorData, values: np.ndarray, part: Part) -> list[FactorPart]:
    """Return a factor in each part of the decisions that its test read.

    `values` has an entry a decision. Hours are Chicago's. Volatility is in thirds of the explore
    half, by the deviation of the horizon in parts of the price.
    """
    explore, kept = data.halves.explore, data.halves.kept
    z = standardize(values[:, None], explore, kept).z
    keys = _keys(data, part)
    order = np.argsort(data.session, kind="stable")
    order = order[kept[order]]
    found = []
    for key in _sorted(np.unique(keys[kept]).tolist()):
        rows = order[keys[order] == key]
        scored = score_half(z[rows], data.label[rows], data.session[rows])
        found.append(
            FactorPart(
                part=str(key),
                decisions=len(rows),
                sessions=len(scored.scores),
                t=float(t_values(scored.scores)[0]) if len(scored.scores) > 1 else 0.0,
                ic=float(scored.ic[0]),
            )
        )
    return found


def _keys(data: FactorData, part: Part) -> np.ndarray:
    """Return the part of each decision."""
    if part == "root":
        return np.concatenate([np.full(len(one.ts), one.root) for one in data.rows])
    if part == "volatility":
        deviation = np.concatenate([one.deviation for one in data.rows])
        edges = np.quantile(deviation[data.halves.explore], [1 / 3, 2 / 3])
        return np.array(THIRDS)[np.searchsorted(edges, deviation)]
    if part == "hour":
        stamps = pl.Series(np.concatenate([one.ts for one in data.rows]))
        moments = stamps.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(str(CHICAGO))
        return moments.dt.strftime("%H:00").to_numpy()
    days = data.session.astype(str)
    return days.astype("U4") if part == "year" else np.array([day[5:7] for day in days])


def _sorted(keys: list[str]) -> list[str]:
    return sorted(keys, key=lambda key: (THIRDS.index(key) if key in THIRDS else 0, key))
