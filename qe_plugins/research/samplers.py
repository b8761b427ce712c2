"""Optuna's samplers: they propose points of a sweep's grid and learn from the objective.

Points are asked for in rounds of ROUND, so that the proposals are the same for any number of
workers. Nothing of a study is stored: a resumed sweep asks again with the same seed and is given
the results that it has. An axis of rising numbers is proposed by its place, any other by its value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qe_plugins.errors import ConfigError
from qe_plugins.research import objective
from qe_plugins.research.constraints import Constraints
from qe_plugins.research.grid import Axis, size
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.variants import VariantResult

if TYPE_CHECKING:
    import optuna

MOST_DRAWS = 50
"""Draws for each variant of a sample before it is given up: constraints or repeats refuse them."""

ROUND = 8
POPULATION = 16
"""Variants of a generation of `nsgaii`; Optuna's 50 would be all of a sweep."""

type Point = tuple[int, ...]
"""The place of a variant on each axis."""


class Sampled:
    """A proposer that asks a sampler of Optuna. `spec.trials` different variants are proposed.

    A proposal that breaks a constraint is skipped, one that repeats a variant is given the known
    result. Both end the search after MOST_DRAWS proposals for each variant.
    """

    def __init__(self, spec: SweepSpec, constraints: Constraints) -> None:
        self.skipped: Counter[str] = Counter()
        self.expected = min(spec.trials or 0, size(spec.axes))
        self._spec, self._constraints = spec, constraints
        self._study = _study(spec.method, spec.seed)
        self._asked: dict[Point, list[optuna.Trial]] = {}
        self._known: dict[Point, float | None] = {}
        self._draws_left = MOST_DRAWS * self.expected

    def next_round(self) -> list[dict[str, Any]]:
        """Return the settings of up to ROUND new variants, none at the end."""
        found: dict[Point, dict[str, Any]] = {}
        wanted = min(ROUND, self.expected - len(self._known))
        self._asked = {}
        while len(found) < wanted and self._draws_left:
            self._draws_left -= 1
            trial = self._study.ask()
            point = tuple(_place(trial, axis) for axis in self._spec.axes)
            settings = {
                axis.key: axis.values[place]
                for axis, place in zip(self._spec.axes, point, strict=True)
            }
            if (broken := self._constraints.broken(settings)) is not None:
                self.skipped[broken] += 1
                self._tell(trial, None)
            elif point in self._known:
                self._tell(trial, self._known[point])
            else:
                found[point] = settings
                self._asked.setdefault(point, []).append(trial)
        return list(found.values())

    def learn(self, results: Sequence[VariantResult]) -> None:
        """Tell the sampler the objective of each variant of the round, in its order."""
        for (point, trials), result in zip(self._asked.items(), results, strict=True):
            self._known[point] = objective.score(result, self._spec.objective)
            for trial in trials:
                self._tell(trial, self._known[point])

    def _tell(self, trial: optuna.Trial, value: float | None) -> None:
        """Tell a result; a variant without one is `pruned`, which samplers keep away from."""
        from optuna.trial import TrialState

        if value is None:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, value)


def _study(method: str, seed: int) -> optuna.Study:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "Optuna is not installed.", where="--sampler", hint="Run `uv sync --extra samplers`."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made: optuna.samplers.BaseSampler
    if method == "tpe":
        made = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    elif method == "cmaes":
        made = optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    else:
        made = optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION)
    return optuna.create_study(direction="maximize", sampler=made)


def _place(trial: optuna.Trial, axis: Axis) -> int:
    values = axis.values
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values)
    if numbers and list(values) == sorted(values):
        return trial.suggest_int(axis.key, 0, len(values) - 1)
    place: int = trial.suggest_categorical(axis.key, range(len(values)))
    return place
