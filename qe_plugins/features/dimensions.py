"""How many dimensions features span on bars: most of them say what others say, too."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from qe_plugins.features.catalogue import FAMILIES, WINDOWS
from qe_plugins.features.frames import MINUTES, FrameBuilder
from qe_plugins.features.series import compute
from qe_plugins.features.tape import CheckTape

SHARE = 0.95
LEAST_ROWS = 2
"""Complete rows a feature, below which a correlation matrix says little."""


class FeatureSpan(msgspec.Struct, frozen=True):
    """What the features of a timeframe span on a contract's bars.

    `rows` are the bars at which all are known. `participation` is (sum of eigenvalues)^2 over the
    sum of their squares, of the correlation matrix; `most` eigenvalues have 95% of the variance.
    """

    timeframe: str
    contract: str
    rows: int
    features: int
    participation: float
    most: int


def spans(tape: CheckTape) -> Iterator[FeatureSpan]:
    """Yield the span of each timeframe but the day, of the contract with the most bars.

    Timeframes with fewer than two complete rows a feature are left out.
    """
    contract = max(tape.bars, key=lambda name: len(tape.bars[name]))
    root = next(one.root for one in tape.contracts if one.id == contract)
    names = [f"{family.name}.{window}" for family in FAMILIES for window in WINDOWS]
    for frame in MINUTES:
        bars = tape.bars[contract]
        if frame != tape.base:
            bars, _ = FrameBuilder(frame, root, f"{contract}-{frame}").extend(bars)
        values = compute(bars, names, contract)
        rows = values[np.isfinite(values).all(axis=1)]
        if len(rows) >= LEAST_ROWS * len(names):
            yield _span(frame, contract, rows)


def _span(frame: str, contract: str, rows: np.ndarray) -> FeatureSpan:
    deviations = rows.std(axis=0)
    scores = (rows - rows.mean(axis=0))[:, deviations > 0] / deviations[deviations > 0]
    found = np.linalg.eigvalsh(scores.T @ scores / len(scores))[::-1].clip(0.0)
    shares = np.cumsum(found) / found.sum()
    return FeatureSpan(
        timeframe=frame,
        contract=contract,
        rows=len(rows),
        features=scores.shape[1],
        participation=float(found.sum() ** 2 / (found * found).sum()),
        most=int(np.searchsorted(shares, SHARE)) + 1,
    )
