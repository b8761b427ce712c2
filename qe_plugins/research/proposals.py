"""Which points of a grid a sweep runs: all, a seeded sample, or those that a sampler proposes.

Every method proposes points of the grid, in rounds; what breaks a constraint is counted and not
run. Proposals depend on the seed and on results, never on the number of workers: a resumed sweep
proposes the same points again and finds their results.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from qe_plugins.errors import ConfigError
from qe_plugins.research import grid
from qe_plugins.research.constraints import Constraints
from qe_plugins.research.grid import Axis
from qe_plugins.research.samplers import MOST_DRAWS, Sampled

if TYPE_CHECKING:
    from qe_plugins.research.sweep_store import SweepSpec
    from qe_plugins.research.variants import VariantResult

GRID, RANDOM = "grid", "random"
SAMPLERS = ("tpe", "cmaes", "nsgaii")
"""Optuna's samplers, in `research/samplers.py`."""

MOST_VARIANTS = 100_000


class Proposer(Protocol):
    """What proposes the variants of a sweep. `skipped` counts variants by what they broke."""

    skipped: Counter[str]

    @property
    def expected(self) -> int:
        """Return the number of variants that will be proposed, at most."""

    def next_round(self) -> list[dict[str, Any]]:
        """Return the settings of the variants to run next, none at the end."""

    def learn(self, results: Sequence[VariantResult]) -> None:
        """Take the results of the last round, in its order."""


class OneRound:
    """A proposer whose variants do not depend on results: all are in one round."""

    def __init__(self, points: Iterator[dict[str, Any]], constraints: Constraints, most: int):
        self.skipped: Counter[str] = Counter()
        self._chosen: list[dict[str, Any]] = []
        for settings in points:
            if len(self._chosen) == most:
                break
            if (broken := constraints.broken(settings)) is not None:
                self.skipped[broken] += 1
            else:
                self._chosen.append(settings)
        self.expected = len(self._chosen)

    def next_round(self) -> list[dict[str, Any]]:
        """Return all variants at the first call, none at the second."""
        chosen, self._chosen = self._chosen, []
        return chosen

    def learn(self, results: Sequence[VariantResult]) -> None:
        """Ignore the results."""


def proposer(spec: SweepSpec, base: dict[str, Any]) -> Proposer:
    """Return what proposes the variants of a sweep of the resolved configuration `base`.

    Raises ConfigError for a constraint that is none, for a grid that is too large to run whole, and
    where Optuna is not installed.
    """
    constraints = Constraints(spec.where, spec.axes, base, "--where")
    total = grid.size(spec.axes)
    if spec.method == GRID:
        if total > MOST_VARIANTS:
            raise ConfigError(
                f"{total:,} variants, at most {MOST_VARIANTS:,} are run.",
                where="--grid",
                hint="Run a sample of them with --random or --sampler.",
            )
        return OneRound(grid.settings(spec.axes), constraints, total)
    trials = spec.trials or 0
    if spec.method == RANDOM:
        points = _drawn(spec.axes, total, spec.seed, trials)
        return OneRound(points, constraints, trials)
    return Sampled(spec, constraints)


def _drawn(axes: Sequence[Axis], total: int, seed: int, trials: int) -> Iterator[dict[str, Any]]:
    """Yield points of the grid at random, none twice; the first ones of a longer sample."""
    drawing = random.Random(seed)
    if total <= MOST_VARIANTS:
        numbers = drawing.sample(range(total), total)
        return (grid.point(axes, number) for number in numbers)
    draws = (drawing.randrange(total) for _ in range(MOST_DRAWS * trials))
    return (grid.point(axes, number) for number in dict.fromkeys(draws))
