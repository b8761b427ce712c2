"""Run a sweep: variants of a grid, each a backtest in a process here or on a cluster.

Results are in the order of the proposals, for a whole grid in the grid's order. Every variant is
recorded in the journal as a trial, failed and interrupted ones included: significance tests have to
count them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.cluster.connection import Cluster
from qe_plugins.cluster.processes import Work, WorkerDied, WorkerPool
from qe_plugins.config.loader import load
from qe_plugins.config.shipped import ship
from qe_plugins.engine.running.describe import describe
from qe_plugins.errors import ConfigError, QeError
from qe_plugins.research import objective, sweep_store
from qe_plugins.research.grid import overrides
from qe_plugins.research.proposals import proposer
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.trials import register
from qe_plugins.research.variants import (
    Variant,
    VariantResult,
    VariantState,
    content_key,
    sources_sha256,
)

type Answers = Generator[tuple[int, Any]]

type OnUpdate = Callable[[Variant, VariantResult | None], None]
"""Called with each variant when it starts (None), and again with its result."""


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a sweep in their order; `found` were reused from an earlier run of it.

    `skipped` counts the variants that were not run, by the constraint that they break.
    `journal_sha256` is None if the journal already had every trial.
    """

    spec: SweepSpec
    folder: Path
    results: tuple[VariantResult, ...]
    found: int
    skipped: dict[str, int] = {}
    journal_sha256: str | None

    @property
    def failed(self) -> int:
        """Return the number of variants without figures."""
        return sum(result.state is not VariantState.FINISHED for result in self.results)

    @property
    def best(self) -> VariantResult | None:
        """Return the variant with the best objective; None where no variant has one."""
        return objective.best(self.results, self.spec.objective)


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
        """Return all results in their order; running variants as interrupted."""
        interrupted = {
            n: VariantResult(variant=v, state=VariantState.INTERRUPTED)
            for n, v in self.running.items()
        }
        return [result for _, result in sorted((self.results | interrupted).items())]


def sweep(
    spec: SweepSpec,
    place: Path,
    work: Work,
    *,
    workers: int = 1,
    cluster: Cluster | None = None,
    on_update: OnUpdate | None = None,
    expect: Callable[[int], None] = lambda total: None,
    say: Callable[[str], None] = lambda notice: None,
) -> SweepResult:
    """Run a sweep in the folder `place` and return its results; finished variants are reused.

    Variants run in `workers` processes here, or as jobs on `cluster`. `work` takes `{"config",
    "overrides"}` and returns `{"figures", "seconds"}` or `{"error", "seconds"}`. `expect` is called
    with the number of variants, `say` with a notice such as missing workers. Raises QeError before
    anything runs: for a wrong key, and where every variant breaks a constraint. An interrupt ends
    the processes, records the trials so far in the journal and is re-raised.
    """
    base, started = load(spec.config, spec.overrides), datetime.now(UTC)
    proposing = proposer(spec, base.resolved)
    chosen = proposing.next_round()
    _check_variants(spec, chosen)
    expect(proposing.expected)
    sweep_store.write_spec(place, spec)
    state = _SweepState(place, on_update or (lambda variant, result: None))
    known, sources, numbers = sweep_store.finished(place), sources_sha256(Path.cwd()), count(1)
    shipped, found = ship(spec.config), 0
    try:
        with _runs(spec, place, work, workers, cluster, say) as run:
            while chosen:
                variants = [
                    Variant(number=n, key=content_key(base.resolved, one, sources), settings=one)
                    for one, n in zip(chosen, numbers, strict=False)
                ]
                reused = [one for one in variants if one.key in known]
                found += len(reused)
                for one in reused:
                    state.add(msgspec.structs.replace(known[one.key], variant=one))
                todo = [one for one in variants if one.key not in known]
                with closing(run(todo, shipped, state.start)) as answers:
                    for number, answer in answers:
                        state.finish(_variant_result(todo[number], answer))
                proposing.learn([state.results[one.number] for one in variants])
                chosen = proposing.next_round()
    finally:
        content = register(spec, started, state.trials(), proposing.skipped)
    return SweepResult(
        spec=spec,
        folder=place,
        results=tuple(state.trials()),
        found=found,
        skipped=dict(proposing.skipped),
        journal_sha256=content,
    )


type _Run = Callable[[Sequence[Variant], dict[str, Any], Callable[[Variant], None]], Answers]
"""Run variants of a shipped configuration; called with each when it starts."""


@contextmanager
def _runs(
    spec: SweepSpec,
    place: Path,
    work: Work,
    workers: int,
    cluster: Cluster | None,
    say: Callable[[str], None],
) -> Iterator[_Run]:
    """Yield the function that runs variants, in processes that stay until the sweep ends."""

    def jobs(todo: Sequence[Variant], shipped: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"config": shipped, "overrides": [*spec.overrides, *overrides(one.settings)]}
            for one in todo
        ]

    if cluster is not None:
        from qe_plugins.cluster import job_runner

        yield lambda todo, shipped, start: job_runner.run_jobs(
            work,
            jobs(todo, shipped),
            _job_names(spec, place, todo),
            cluster,
            lambda number: start(todo[number]),
            say,
        )
        return
    with WorkerPool(work, workers) as pool:
        yield lambda todo, shipped, start: pool.run(
            jobs(todo, shipped), lambda number: start(todo[number])
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


def _check_variants(spec: SweepSpec, chosen: Sequence[dict[str, Any]]) -> None:
    """Build variants until one of them could run. Raises the first error if none could."""
    if not chosen:
        hint = "It compares settings of the grid; loosen it or extend the grid."
        raise ConfigError("every variant breaks a constraint.", where="--where", hint=hint)
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
