"""Run a sweep: every variant of a grid, each a backtest in a process here or on a cluster.

Results are in the grid's order, whichever variant finishes first. Every variant is recorded in the
journal as a trial, failed and interrupted ones included: significance tests have to count them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.cluster.connection import Cluster
from qe_plugins.cluster.processes import Work, WorkerDied, run_jobs
from qe_plugins.config.loader import load
from qe_plugins.config.shipped import ship
from qe_plugins.engine.running.describe import describe
from qe_plugins.errors import QeError
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import overrides, settings
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.trials import register
from qe_plugins.research.variants import (
    Variant,
    VariantResult,
    VariantState,
    content_key,
    sources_sha256,
)

type OnUpdate = Callable[[Variant, VariantResult | None], None]
"""Called with each variant when it starts (None), and again with its result."""


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a sweep in the grid's order; `found` were reused from an earlier run of it.

    `journal_sha256` is None if the journal already had every trial.
    """

    spec: SweepSpec
    folder: Path
    results: tuple[VariantResult, ...]
    found: int
    journal_sha256: str | None

    @property
    def failed(self) -> int:
        """Return the number of variants without figures."""
        return sum(result.state is not VariantState.FINISHED for result in self.results)


@dataclass
class _SweepState:
    """Results and running variants of a sweep, by number."""

    place: Path
    on_update: OnUpdate
    results: dict[int, VariantResult] = field(default_factory=dict)
    running: dict[int, Variant] = field(default_factory=dict)

    def start(self, variant: Variant) -> None:
        self.running[variant.number] = variant
        self.on_update(variant, None)

    def finish(self, result: VariantResult) -> None:
        sweep_store.append_result(self.place, result)
        self.running.pop(result.variant.number)
        self.add(result)

    def add(self, result: VariantResult) -> None:
        self.results[result.variant.number] = result
        self.on_update(result.variant, result)

    def trials(self) -> list[VariantResult]:
        """Return all results in the grid's order; running variants as interrupted."""
        interrupted = {
            n: VariantResult(variant=v, state=VariantState.INTERRUPTED)
            for n, v in self.running.items()
        }
        return [result for _, result in sorted((self.results | interrupted).items())]


def variants(spec: SweepSpec) -> list[Variant]:
    """Return all variants in the grid's order. Raises QeError if none of them could run.

    That is the case if a key of the grid is wrong; a wrong value makes a failed variant.
    """
    base, chosen = load(spec.config, spec.overrides), list(settings(spec.axes))
    _check_grid(spec, chosen)
    sources = sources_sha256(Path.cwd())
    return [
        Variant(number=n, key=content_key(base.resolved, one, sources), settings=one)
        for n, one in enumerate(chosen, start=1)
    ]


def sweep(
    spec: SweepSpec,
    place: Path,
    work: Work,
    *,
    workers: int = 1,
    cluster: Cluster | None = None,
    on_update: OnUpdate | None = None,
    say: Callable[[str], None] = lambda notice: None,
) -> SweepResult:
    """Run a sweep in the folder `place` and return its results; finished variants are reused.

    Variants run in `workers` processes here, or as jobs on `cluster`. `work` takes `{"config",
    "overrides"}` and returns `{"figures", "seconds"}` or `{"error", "seconds"}`. `say` is called
    with a notice such as missing workers. Raises QeError before anything runs. An interrupt ends
    the processes, records the trials so far in the journal and is re-raised.
    """
    every, started = variants(spec), datetime.now(UTC)
    sweep_store.write_spec(place, spec)
    state = _SweepState(place, on_update or (lambda variant, result: None))
    known = sweep_store.finished(place)
    for variant in every:
        if variant.key in known:
            state.add(msgspec.structs.replace(known[variant.key], variant=variant))
    found = len(state.results)
    todo = [one for one in every if one.key not in known]
    shipped = ship(spec.config)
    jobs = [
        {"config": shipped, "overrides": [*spec.overrides, *overrides(one.settings)]}
        for one in todo
    ]

    def began(number: int) -> None:
        state.start(todo[number])

    answers: Generator[tuple[int, Any]]
    if cluster is None:
        answers = run_jobs(work, jobs, workers, began)
    else:
        from qe_plugins.cluster import job_runner

        answers = job_runner.run_jobs(
            work, jobs, _job_names(spec, place, todo), cluster, began, say
        )
    try:
        with closing(answers):
            for number, answer in answers:
                state.finish(_variant_result(todo[number], answer))
    finally:
        content = register(spec, started, state.trials())
    return SweepResult(
        spec=spec,
        folder=place,
        results=tuple(state.trials()),
        found=found,
        journal_sha256=content,
    )


def _job_names(spec: SweepSpec, place: Path, todo: Sequence[Variant]) -> list[str]:
    """Return the names of variants on a cluster, new ones for those that failed before."""
    failed = sweep_store.failures(place)
    return [f"qe-{spec.sweep}-{one.key}-{failed[one.key] + 1}" for one in todo]


def _variant_result(variant: Variant, answer: Any) -> VariantResult:
    if isinstance(answer, WorkerDied):
        return VariantResult(variant=variant, state=VariantState.FAILED, error=answer.reason)
    if "error" in answer:
        return VariantResult(variant=variant, state=VariantState.FAILED, **answer)
    return VariantResult(variant=variant, state=VariantState.FINISHED, **answer)


def _check_grid(spec: SweepSpec, chosen: Sequence[dict[str, Any]]) -> None:
    """Build variants until one of them could run. Raises the first error if none could."""
    first_error: QeError | None = None
    for one in chosen:
        try:
            describe(load(spec.config, (*spec.overrides, *overrides(one))))
        except QeError as error:
            first_error = first_error or error
        else:
            return
    if first_error is not None:
        raise first_error
