"""A sweep as it is asked for: new, or the resumption of one, from options or a run's file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from qe_plugins.config.loader import Loaded, load
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import run_id_of
from qe_plugins.research import objective, sweep_store
from qe_plugins.research.grid import Axis, configured_axes
from qe_plugins.research.proposals import GRID, RANDOM, SAMPLERS
from qe_plugins.research.sweep_store import SweepSpec

TRIALS = 50
"""Variants that a sampler tries unless another number is given."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is given of a sweep beside its grid; the resumed sweep or the file has the rest.

    `method` is `grid`, `random` or a sampler.
    """

    where: tuple[str, ...] = ()
    objective: str | None = None
    method: str | None = None
    trials: int | None = None
    seed: int | None = None


def method_of(sampled: int | None, sampler: str | None, trials: int | None) -> Choice:
    """Return the choice of `--random N`, `--sampler NAME` and `--trials N`. Raises ConfigError."""
    if sampled is not None and sampler is not None:
        raise ConfigError("--random and --sampler are two methods.", where="--sampler")
    if sampled is not None and trials is not None:
        raise ConfigError("--random has its number of variants already.", where="--trials")
    for option, number in (("--random", sampled), ("--trials", trials)):
        if number is not None and number < 1:
            raise ConfigError(f"must be at least 1, was {number}.", where=option)
    if sampler is not None and sampler not in SAMPLERS:
        hint = f"Samplers are {', '.join(SAMPLERS)}."
        raise ConfigError(f"no sampler '{sampler}'.", where="--sampler", hint=hint)
    if sampled is not None:
        return Choice(method=RANDOM, trials=sampled)
    return Choice(method=sampler, trials=trials)


def request(
    file: Path,
    overrides: tuple[str, ...],
    axes: Sequence[Axis] = (),
    choice: Choice | None = None,
    *,
    out: Path | None = None,
    resume: str | None = None,
) -> tuple[SweepSpec, Path]:
    """Return the sweep and its folder; a resumed sweep keeps its id, grid and choice.

    What is given counts before what the resumed sweep has, and that before `sweep:` of the file.
    Raises ConfigError without a grid and for an unknown objective, ReportError for a folder that is
    not empty and without the sweep to resume.
    """
    choice = choice or Choice()
    place = sweep_store.find(resume) if resume else None
    before = sweep_store.read_spec(place) if place else None
    loaded = load(file, overrides)
    section = loaded.config.sweep
    found = tuple(axes) or (before.axes if before else _axes_of(loaded))
    if not found:
        hint = "Write --grid dotted.key=one,another, such as --grid rung.risk=25,50."
        raise ConfigError("a sweep needs a grid.", where="--grid", hint=hint)
    name = loaded.config.name
    method = choice.method or (before.method if before else GRID)
    of_before = before.trials if before and before.method == method else None
    new = SweepSpec(
        sweep=before.sweep if before else run_id_of(datetime.now(UTC), f"sweep {name}"),
        name=name,
        config=str(file),
        overrides=overrides,
        axes=found,
        where=choice.where or (before.where if before else tuple(section.where)),
        objective=choice.objective or (before.objective if before else section.objective),
        method=method,
        trials=choice.trials or of_before,
        seed=choice.seed if choice.seed is not None else (before.seed if before else 1),
    )
    at = "--objective" if choice.objective else loaded.where("sweep", "objective")
    objective.check(new.objective, at)
    if new.method == GRID and new.trials is not None:
        raise ConfigError("a whole grid has no number of trials.", where="--trials")
    if new.method != GRID and new.trials is None:
        new = msgspec.structs.replace(new, trials=TRIALS)
    return new, place or sweep_store.folder(new.sweep, out)


def _axes_of(loaded: Loaded) -> tuple[Axis, ...]:
    return configured_axes(loaded.config.sweep.grid, loaded.where("sweep", "grid"))
