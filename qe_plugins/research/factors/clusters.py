"""Which factors are one: clusters of correlated session scores, and their effective number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CLUSTER = 0.5
"""Session scores that correlate more than this belong to one cluster."""


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
