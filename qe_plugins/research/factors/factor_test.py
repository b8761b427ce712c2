"""One test of many factors: decisions, labels, halves, session scores, and what survives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import DataError
from qe_plugins.features.families import family_hash
from qe_plugins.features.feed import ListedContract
from qe_plugins.features.names import lookback_of
from qe_plugins.plugins.types import Family
from qe_plugins.research.factors.decisions import SECOND, DecisionRows, decide
from qe_plugins.research.factors.economics import (
    Economics,
    capacity,
    economics,
    round_trip,
    t_per_ic,
)
from qe_plugins.research.factors.feature_matrix import blocks
from qe_plugins.research.factors.provenance import bars_hash
from qe_plugins.research.factors.session_scores import (
    BlockScores,
    cluster_heads,
    effective_number,
    score_block,
)
from qe_plugins.research.factors.settings import FactorSettings
from qe_plugins.research.factors.significance import (
    Significance,
    Yardstick,
    examine,
    haircut,
    held_twice,
    t_values,
)
from qe_plugins.research.factors.split import Halves, check_halves, check_months, divide
from qe_plugins.research.overfitting import probability_of_overfitting

LEAST_WINDOWS = 20
"""A feature with fewer windows in a half that do not overlap is listed and not tested."""

MOST_IC = 0.2
"""An IC that no feature of prices is known to have: a factor above it sees what it predicts."""

CSCV_PARTS = 10
MONTH_SESSIONS = 21
SESSION_BARS = {"1m": 1_380, "5m": 276, "1h": 23, "1d": 1}


class Factor(msgspec.Struct, frozen=True):
    """A feature under test. t, IC and naive t are of the explore and of the confirm half.

    `state` is family-wise, survivor, chance, or suspect: significant, with an IC above `MOST_IC` in
    both halves. `adjusted` and `fdr` are p-values. `cluster` names the strongest survivor that its
    session scores correlate with. `shares` says that its lookback exceeds a month, so that both
    halves see the same bars. `turnover` is the part of its average position that a decision
    changes, `capacity` the average position in contracts at which that is 1% of a minute's volume.
    `haircut` is the part of its t that the search takes (Harvey and Liu): 1 where nothing is left.
    """

    name: str
    state: str
    t: tuple[float, float]
    naive: tuple[float, float]
    ic: tuple[float, float]
    adjusted: float
    bh: float
    fdr: float
    turnover: float
    cluster: str
    pays: bool
    shares: bool
    capacity: int = 0
    haircut: float = 1.0


class FactorResult(msgspec.Struct, frozen=True):
    """A test's outcome. `factors` are sorted by strength; `untested` has a reason by feature.

    `config` is the file of the test and `overrides` what was set over it; `data` is the hash of its
    bars, `families` has those of the families of plugins. `effective` is how many factors without
    correlation the tested ones are worth, `sharpe_variance` that of their Sharpe ratios a session,
    and `overfitting` the probability that the best of them in half of the sessions is below median
    in the other half.
    """

    name: str
    roots: list[str]
    first: str
    last: str
    decisions: int
    explore_sessions: int
    confirm_sessions: int
    purged: int
    embargoed: int
    locked: int
    without_label: int
    naive_survivors: int
    yardstick: Yardstick
    economics: Economics
    factors: list[Factor]
    untested: dict[str, str]
    config: str = ""
    overrides: list[str] = []
    data: str = ""
    families: dict[str, str] = {}
    effective: float = 1.0
    sharpe_variance: float = 0.0
    overfitting: float = 0.5

    @property
    def survivors(self) -> list[Factor]:
        """Return the factors that hold in both halves, the strongest first."""
        return [one for one in self.factors if one.state != "chance"]

    @property
    def family_wise(self) -> list[Factor]:
        """Return the factors that are significant among all that were tested."""
        return [one for one in self.factors if one.state == "family-wise"]


class ScoreMatrix(msgspec.Struct, frozen=True):
    """Session scores of all tested features in both halves, with what was measured beside them."""

    names: list[str]
    explore: np.ndarray
    confirm: np.ndarray
    naive: np.ndarray
    ic: np.ndarray
    turnover: np.ndarray
    untested: dict[str, str]


class FactorData(msgspec.Struct, frozen=True):
    """The decisions of all roots of a test, joined in the order of roots, and their halves.

    `source` is the hash of the bars, `first` and `last` are the closes of the first and last one.
    `families` are those that plugins registered and the test names, by name; `own` has the values
    of their features by decision, and `left_out` the reason why other features are not tested.
    """

    rows: list[DecisionRows]
    halves: Halves
    label: np.ndarray
    session: np.ndarray
    source: str = ""
    first: int = 0
    last: int = 0
    families: dict[str, Family] = {}
    own: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}


def prepare(
    settings: FactorSettings, bars: Mapping[str, Bars], contracts: Sequence[ListedContract]
) -> FactorData:
    """Return decisions and halves of a test. Raises DataError for data that cannot be divided."""
    roots = settings.data.roots or list(dict.fromkeys(one.root for one in contracts))
    rows = [decide(one, bars, contracts, settings.decisions, settings.label) for one in roots]
    session = np.concatenate([one.session for one in rows])
    ends = np.concatenate([one.label_session for one in rows])
    check_months(session, settings.split)
    halves = divide(session, ends, settings.split)
    check_halves(halves, settings.split)
    stamps = [one.ts_event for one in bars.values() if len(one)]
    first, last = min(int(s[0]) for s in stamps), max(int(s[-1]) for s in stamps)
    return FactorData(
        rows=rows,
        halves=halves,
        label=np.concatenate([one.label for one in rows]),
        session=session,
        source=bars_hash(bars, contracts, roots, first, last),
        first=first,
        last=last,
    )


def score(
    data: FactorData,
    found: Iterable[tuple[list[str], np.ndarray]],
) -> ScoreMatrix:
    """Return the session scores of blocks of features. Raises DataError where none is tested."""
    order = np.argsort(data.session, kind="stable")
    order = order[data.halves.kept[order]]
    explore, confirm = data.halves.explore[order], data.halves.confirm[order]
    sessions = [len(np.unique(data.session[half])) for half in _both(data.halves)]
    names: list[str] = []
    parts: list[tuple[BlockScores, np.ndarray]] = []
    untested = dict(data.left_out)
    for block, values in found:
        scored = score_block(
            values[order], data.label[order], data.session[order], explore, confirm
        )
        kept = np.ones(len(block), dtype=bool)
        for k, name in enumerate(block):
            reason = _reason(name, data.families, scored, k, min(sessions))
            if reason is not None:
                untested[name], kept[k] = reason, False
        names += [name for name, keep in zip(block, kept, strict=True) if keep]
        parts.append((scored, kept))
    if not names:
        raise DataError("no feature can be tested.", hint="`--json` lists why.")
    return ScoreMatrix(
        names=names,
        explore=np.concatenate([one.explore.scores[:, kept] for one, kept in parts], axis=1),
        confirm=np.concatenate([one.confirm.scores[:, kept] for one, kept in parts], axis=1),
        naive=_pairs([(s.explore.naive[k], s.confirm.naive[k]) for s, k in parts]),
        ic=_pairs([(s.explore.ic[k], s.confirm.ic[k]) for s, k in parts]),
        turnover=np.concatenate([one.turnover[kept] for one, kept in parts]),
        untested=untested,
    )


def judge(settings: FactorSettings, data: FactorData, matrix: ScoreMatrix) -> FactorResult:
    """Return the outcome of a test. Raises DataError for halves that are too short."""
    level = settings.level
    found = examine(
        matrix.explore,
        matrix.confirm,
        survive=level.survive,
        family_wise=level.family_wise,
        draws=settings.draws,
    )
    slope = t_per_ic(np.r_[found.explore, found.confirm], np.r_[matrix.ic[0], matrix.ic[1]])
    stamps = np.concatenate([one.ts for one in data.rows])
    last = datetime.fromtimestamp(int(stamps.max()) // SECOND, UTC)
    cost = round_trip(settings.costs.contract, last.date(), settings.costs.slippage_ticks)
    kept = data.halves.kept
    paid = economics(
        settings.costs.contract,
        cost,
        np.concatenate([one.deviation for one in data.rows])[kept],
        found.yardstick,
        slope,
    )
    explore, confirm = _both(data.halves)
    scores = np.concatenate([matrix.explore, matrix.confirm])
    volume = float(np.median(np.concatenate([one.volume for one in data.rows])[kept]))
    return FactorResult(
        name=settings.name,
        roots=[one.root for one in data.rows],
        first=str(data.session.min()),
        last=str(data.session.max()),
        decisions=int(explore.sum() + confirm.sum()),
        explore_sessions=len(matrix.explore),
        confirm_sessions=len(matrix.confirm),
        purged=data.halves.purged,
        embargoed=data.halves.embargoed,
        locked=data.halves.locked,
        without_label=sum(one.without_label for one in data.rows),
        naive_survivors=int((held_twice(*matrix.naive) > level.survive).sum()),
        yardstick=found.yardstick,
        economics=paid,
        factors=_factors(settings, matrix, found, paid, volume, data.families),
        untested=matrix.untested,
        data=data.source,
        families={name: family_hash(one) for name, one in data.families.items()},
        effective=effective_number(scores),
        sharpe_variance=float((t_values(scores) / np.sqrt(len(scores))).var()),
        overfitting=probability_of_overfitting(np.hstack([scores, -scores]), CSCV_PARTS),
    )


def run(
    settings: FactorSettings,
    names: Sequence[str],
    data: FactorData,
    store: Path | str,
) -> FactorResult:
    """Test the features `names` of a store. Raises DataError where the data does not allow it."""
    return judge(settings, data, score(data, blocks(store, names, data.rows, data.own)))


def _factors(
    settings: FactorSettings,
    matrix: ScoreMatrix,
    found: Significance,
    paid: Economics,
    volume: float,
    families: Mapping[str, Family],
) -> list[Factor]:
    survivors = found.survivors(settings.level.survive)
    significant = found.family_wise(settings.level.family_wise)
    order = np.argsort(-found.statistic, kind="stable")
    scores = np.concatenate([matrix.explore, matrix.confirm])
    heads = cluster_heads(scores, [int(k) for k in order if survivors[k]])
    listed = []
    for k in order.tolist():
        name = matrix.names[k]
        ic = float(matrix.ic[0, k]), float(matrix.ic[1, k])
        state = _state(bool(survivors[k]), bool(significant[k]), ic)
        listed.append(
            Factor(
                name=name,
                state=state,
                t=(float(found.explore[k]), float(found.confirm[k])),
                naive=(float(matrix.naive[0, k]), float(matrix.naive[1, k])),
                ic=ic,
                adjusted=float(found.adjusted[k]),
                bh=float(found.bh[k]),
                fdr=float(found.fdr[k]),
                turnover=float(matrix.turnover[k]),
                cluster=matrix.names[heads[k]] if k in heads else "",
                pays=min(abs(ic[0]), abs(ic[1])) > paid.break_even and ic[0] * ic[1] > 0,
                shares=_sessions(name, families) > MONTH_SESSIONS,
                capacity=capacity(volume, float(matrix.turnover[k])),
                haircut=haircut(float(found.statistic[k]), float(found.fdr[k])),
            )
        )
    return listed


def _state(survives: bool, significant: bool, ic: tuple[float, float]) -> str:
    if not (survives and significant):
        return "survivor" if survives else "chance"
    return "suspect" if min(map(abs, ic)) > MOST_IC else "family-wise"


def _reason(
    name: str, families: Mapping[str, Family], scored: BlockScores, column: int, sessions: int
) -> str | None:
    if scored.untested[column]:
        missing = float(scored.missing[column])
        return f"{missing:.0%} of decisions have no value" if missing > 0.2 else "does not vary"
    if _sessions(name, families) * LEAST_WINDOWS > sessions:
        window = lookback_of(name, families)
        return f"fewer than {LEAST_WINDOWS} windows of {window} bars in a half"
    return None


def _sessions(name: str, families: Mapping[str, Family]) -> float:
    """Return how many sessions a feature looks back; 0 where its timeframe has no length."""
    bars = SESSION_BARS.get(name.partition(".")[0])
    return lookback_of(name, families) / bars if bars else 0.0


def _both(halves: Halves) -> tuple[np.ndarray, np.ndarray]:
    return halves.explore, halves.confirm


def _pairs(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    return np.stack([np.concatenate([part[k] for part in parts]) for k in range(2)])
