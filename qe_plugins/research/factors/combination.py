"""Make a book of a test's factors: signs, scalars, weights and multipliers of the explore half."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.features.families import family_hash
from qe_plugins.features.store import catalogue_hash, formulas_hash
from qe_plugins.research.factors.book import BookFactor, FactorBook
from qe_plugins.research.factors.claim import claim_of
from qe_plugins.research.factors.factor_test import Factor, FactorData, FactorResult
from qe_plugins.research.factors.provenance import code_hash, division_hash
from qe_plugins.research.factors.session_scores import standardize
from qe_plugins.research.factors.settings import Combination, FactorSettings


def combine(
    settings: FactorSettings,
    test: str,
    result: FactorResult,
    data: FactorData,
    values: Mapping[str, np.ndarray],
    accepted: Mapping[str, str],
    trials: int = 0,
) -> FactorBook:
    """Return a book of a test's factors. `values` has each chosen feature at the decisions.

    Weights, scalars and multipliers come from the explore half alone, the claim from the confirm
    half. `trials` is how many others the journal has. Raises DataError where nothing may enter a
    book, and for data that changed since the test.
    """
    chosen = choose(result, accepted)
    if result.data and result.data != data.source:
        hint = "Test again."
        message = f"the data is not that of the test ({result.data}, now {data.source})."
        raise DataError(message, where=test, hint=hint)
    for name, one in data.families.items():
        if result.families.get(name) != family_hash(one):
            message = f"the family '{name}' has other code than in the test."
            raise DataError(message, where=test, hint="Test again.")
    explore = data.halves.explore
    columns = np.column_stack([values[one.name] for one in chosen])
    found = standardize(columns, explore, data.halves.kept)
    z = found.z[explore].astype(np.float64)
    signs = np.array([1 if one.t[0] > 0 else -1 for one in chosen])
    scalars = settings.combine.average / np.abs(z).mean(axis=0)
    forecasts = z * signs * scalars
    weights = weights_of(forecasts, settings.combine)
    parts = [
        BookFactor(
            name=one.name,
            sign=int(signs[k]),
            weight=float(weights[k]),
            centre=float(found.centre[k]),
            scale=float(found.scale[k]),
            mean=float(found.mean[k]),
            scalar=float(scalars[k]),
            accepted=accepted.get(one.name, ""),
        )
        for k, one in enumerate(chosen)
    ]
    made = FactorBook(
        name=settings.name,
        test=test,
        config=result.config,
        overrides=result.overrides,
        roots=result.roots,
        every=settings.decisions.every,
        session=settings.decisions.session,
        horizon=settings.label.horizon,
        split=f"explore {settings.split.explore}, confirm {settings.split.confirm}",
        lockbox=[day.isoformat() for day in settings.split.lockbox or ()],
        catalogue=catalogue_hash(),
        formulas=formulas_hash(),
        division=division_hash(settings),
        data=data.source,
        first=data.first,
        last=data.last,
        code=code_hash(),
        average=settings.combine.average,
        cap=settings.combine.cap,
        multiplier=multiplier(np.corrcoef(forecasts.T), weights, settings.combine.dm_max),
        factors=parts,
    )
    return _with_instruments(made, settings, result, data, values, trials)


def _with_instruments(
    made: FactorBook,
    settings: FactorSettings,
    result: FactorResult,
    data: FactorData,
    values: Mapping[str, np.ndarray],
    trials: int,
) -> FactorBook:
    """Return a book with the weights of its roots, its claim and the hashes of its families."""
    import msgspec

    forecasts = made.forecasts(values) / made.average
    explore = data.halves.explore
    profits = _by_root(data, np.nan_to_num(forecasts) * data.label, explore)
    correlation = np.corrcoef(profits.T)
    weights = weights_of(profits, settings.combine)
    names = {one.name.partition(".")[2] for one in made.factors}
    own = {name: family_hash(one) for name, one in data.families.items() if name in names}
    return msgspec.structs.replace(
        made,
        families=own or msgspec.UNSET,
        instruments=dict(zip(made.roots, weights.tolist(), strict=True)),
        diversification=multiplier(correlation, weights, settings.combine.dm_max),
        claim=claim_of(made, result, data, forecasts, trials),
    )


def _by_root(data: FactorData, profits: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return the sum of a half by session and root, 0 where a root has none."""
    days, day = np.unique(data.session[half], return_inverse=True)
    number = np.repeat(np.arange(len(data.rows)), [len(one.ts) for one in data.rows])[half]
    found = np.zeros((len(days), len(data.rows)))
    np.add.at(found, (day, number), profits[half])
    return found


def choose(result: FactorResult, accepted: Mapping[str, str]) -> list[Factor]:
    """Return the factors that may enter a book: one of each cluster, and those accepted by name.

    A cluster with a suspect factor has none, since its other members may see the same. Raises
    DataError for an accepted feature that was not tested or is suspect, and where there is none.
    """
    tested = {one.name: one for one in result.factors}
    for name in accepted:
        if name not in tested:
            raise DataError(f"'{name}' was not tested.", hint="`qe factors show` lists factors.")
        if tested[name].state == "suspect":
            hint = "`qe features check` looks for a look-ahead."
            raise DataError(f"'{name}' is suspect: its IC suggests a look-ahead.", hint=hint)
    heads = {one.cluster: one for one in reversed(sound(result))}
    chosen = {one.name: one for one in heads.values()} | {n: tested[n] for n in accepted}
    if not chosen and result.family_wise:
        raise DataError(
            "every significant factor is in a cluster with a suspect one, so that a book would be "
            "empty.",
            hint="`qe features check` looks for a look-ahead.",
        )
    if not chosen:
        raise DataError(
            "no factor is significant among all that were tested, so that a book would be empty.",
            hint="A person may take one with --accept NAME --because REASON.",
        )
    return [one for one in result.factors if one.name in chosen]


def sound(result: FactorResult) -> list[Factor]:
    """Return the significant factors that no suspect one shares a cluster with."""
    leaks = {one.cluster for one in result.factors if one.state == "suspect"}
    return [one for one in result.family_wise if one.cluster not in leaks]


def names(result: FactorResult, accepted: Sequence[str]) -> list[str]:
    """Return the features whose values `combine` needs."""
    return [one.name for one in choose(result, dict.fromkeys(accepted, ""))]


def weights_of(columns: np.ndarray, settings: Combination) -> np.ndarray:
    """Return a weight for each column as `settings` say, summing to 1.

    Raises DataError for `risk_parity` without skfolio.
    """
    count = columns.shape[1]
    if settings.weights == "equal" or count == 1:
        return np.full(count, 1 / count)
    if settings.weights == "risk_parity":
        return _risk_parity(columns)
    return least_variance(np.corrcoef(columns.T), settings.shrink)


def _risk_parity(columns: np.ndarray) -> np.ndarray:
    """Return weights with which each column has the same part of the variance of the sum."""
    try:
        from skfolio.optimization import RiskBudgeting
    except ModuleNotFoundError:
        hint = "uv sync --extra skfolio"
        raise DataError("skfolio is not installed.", where="combine.weights", hint=hint) from None
    spread = columns.std(axis=0)
    found = RiskBudgeting().fit(columns / np.where(spread > 0, spread, 1.0))
    return np.asarray(found.weights_, dtype=float)


def least_variance(matrix: np.ndarray, shrink: float) -> np.ndarray:
    """Return the weights of the least variance without shorts.

    Correlations are moved to their mean by the part `shrink`.
    """
    count = len(matrix)
    others = ~np.eye(count, dtype=bool)
    mean = float(matrix[others].mean())
    shrunk = np.where(others, shrink * mean + (1 - shrink) * matrix, 1.0)
    kept = np.arange(count)
    while True:
        found = np.linalg.solve(shrunk[np.ix_(kept, kept)], np.ones(len(kept)))
        if (found > 0).all():
            break
        kept = kept[found > 0]
    weights = np.zeros(count)
    weights[kept] = found / found.sum()
    return weights


def multiplier(correlation: np.ndarray, weights: np.ndarray, largest: float) -> float:
    """Return 1 over the deviation of the weighted sum, in those of one part; at most `largest`.

    Negative correlations count as none.
    """
    matrix = np.clip(np.atleast_2d(correlation), 0, 1)
    return float(min(largest, 1 / math.sqrt(weights @ matrix @ weights)))
