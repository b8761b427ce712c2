"""Session scores: the sum over a session of a factor's z times the label, a number a factor.

A score is the profit of holding the factor's z through the session's labels. Labels of one session
overlap and depend on each other, so a session counts once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

Z_CLIP = 3.0
NORMAL_QUARTILES = 1.3489795003921634
"""The distance of the quartiles of a normal distribution, in deviations."""

MOST_MISSING = 0.2
CLUSTER = 0.5
"""Factors whose session scores correlate more than this belong to one cluster."""


class HalfScores(msgspec.Struct, frozen=True):
    """Scores of a block of factors in one half: `scores` has a row a session.

    `naive` is the t that counts every overlapping label as an observation of its own; `ic` the
    correlation of z and label.
    """

    scores: np.ndarray
    naive: np.ndarray
    ic: np.ndarray


class Standardized(msgspec.Struct, frozen=True):
    """z of a block of factors: a row a decision, clipped at 3, and 0 where a value is missing.

    `centre` and `scale` are those of the explore half, by median and quartiles; `mean` is the mean
    of z there, already subtracted. `missing` and `untested` are as in `BlockScores`.
    """

    z: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    missing: np.ndarray
    untested: np.ndarray


class BlockScores(msgspec.Struct, frozen=True):
    """Both halves of a block of factors, the share of decisions without a value, and turnover.

    `untested` says which factors have too few values, or do not vary, in the explore half.
    `turnover` is the mean absolute change of z from one decision of a session to the next, in mean
    absolute z.
    """

    explore: HalfScores
    confirm: HalfScores
    missing: np.ndarray
    untested: np.ndarray
    turnover: np.ndarray


def score_block(
    values: np.ndarray,
    label: np.ndarray,
    session: np.ndarray,
    explore: np.ndarray,
    confirm: np.ndarray,
) -> BlockScores:
    """Score a block of factors: `values` has a row a decision and a column a factor.

    Decisions are in the order of their sessions. Centre and scale of z come from the explore half
    alone, by median and quartiles; z is clipped at 3, and 0 where a value is missing.
    """
    found = standardize(values, explore)
    z = found.z
    return BlockScores(
        explore=score_half(z[explore], label[explore], session[explore]),
        confirm=score_half(z[confirm], label[confirm], session[confirm]),
        missing=found.missing,
        untested=found.untested,
        turnover=_turnover(z, session),
    )


def standardize(
    values: np.ndarray, explore: np.ndarray, kept: np.ndarray | None = None
) -> Standardized:
    """Return z of a block of factors; centre, scale and mean come from the explore half alone.

    Missing values are counted in the rows of `kept`, all by default.
    """
    finite = np.isfinite(values)
    missing = 1 - (finite if kept is None else finite[kept]).mean(axis=0)
    known = np.where(finite[explore], values[explore], np.nan)
    empty = ~finite[explore].any(axis=0)
    known[:, empty] = 0
    low, centre, high = np.nanquantile(known, [0.25, 0.5, 0.75], axis=0)
    scale = (high - low) / NORMAL_QUARTILES
    untested = empty | ~(scale > 0) | (missing > MOST_MISSING)
    scale = np.where(untested, 1.0, scale)
    z = np.clip((np.where(finite, values, centre) - centre) / scale, -Z_CLIP, Z_CLIP)
    z = z.astype(np.float32)
    z[:, untested] = 0
    mean = z[explore].mean(axis=0)
    z -= mean
    return Standardized(z, centre, scale, mean, missing, untested)


def session_sums(values: np.ndarray, session: np.ndarray) -> np.ndarray:
    """Return the sums of consecutive rows of one session."""
    first = np.flatnonzero(np.r_[True, session[1:] != session[:-1]])
    return np.asarray(np.add.reduceat(values, first, axis=0))


def score_half(z: np.ndarray, label: np.ndarray, session: np.ndarray) -> HalfScores:
    """Return the scores of one half, whose decisions are in the order of their sessions."""
    centred = (label - label.mean()).astype(np.float32)
    products = z * centred[:, None]
    squares = np.einsum("ij,ij->j", z, z, dtype=np.float64)
    total = products.sum(axis=0, dtype=np.float64)
    variance = float((centred.astype(np.float64) ** 2).mean())
    scale = np.sqrt(squares * variance)
    deviation = z.std(axis=0, dtype=np.float64) * np.sqrt(variance) * len(z)
    return HalfScores(
        scores=session_sums(products, session).astype(np.float64),
        naive=np.where(scale > 0, total / np.where(scale > 0, scale, 1), 0.0),
        ic=np.where(deviation > 0, total / np.where(deviation > 0, deviation, 1), 0.0),
    )


def cluster_heads(scores: np.ndarray, strongest: Sequence[int]) -> dict[int, int]:
    """Return the head of each column's cluster: the strongest one that it correlates with.

    `strongest` are the columns to cluster, the strongest first.
    """
    heads: list[int] = []
    found: dict[int, int] = {}
    for k in strongest:
        for head in heads:
            if abs(float(np.corrcoef(scores[:, k], scores[:, head])[0, 1])) > CLUSTER:
                found[k] = head
                break
        else:
            heads.append(k)
            found[k] = k
    return found


def effective_number(scores: np.ndarray) -> float:
    """Return how many columns without correlation have the spread of eigenvalues of these."""
    centred = scores - scores.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(size > 0, size, 1)
    return float((size > 0).sum() ** 2 / ((unit @ unit.T) ** 2).sum())


def _turnover(z: np.ndarray, session: np.ndarray) -> np.ndarray:
    same = session[1:] == session[:-1]
    steps = np.abs(np.diff(z, axis=0))[same]
    size = np.abs(z).mean(axis=0)
    if not len(steps):
        return np.zeros(z.shape[1])
    return np.asarray(steps.mean(axis=0) / np.where(size > 0, size, 1))
