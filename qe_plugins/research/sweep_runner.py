"""A sweep: every variant of a grid, each a backtest in a process apart.

Results come in the grid's order whatever finishes first, and every variant tried is a trial in the
journal, failed and interrupted ones too: later tests of significance count them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.loader import load
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
from qe_plugins.research.worker_pool import Work, WorkerDied, run_jobs

type Heard = Callable[[Variant, VariantResult | None], None]
"""Called with each variant when it begins, and again with its result."""


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep that ended: its results in the grid's order, `found` of them from an earlier time.

    `journal_sha256` is None where nothing was tried that the journal did not hold.
    """

    asked: SweepSpec
    folder: Path
    results: tuple[VariantResult, ...]
    found: int
    journal_sha256: str | None

    @property
    def failed(self) -> int:
        """Return how many variants have no figures."""
        return sum(result.state is not VariantState.FINISHED for result in self.results)


@dataclass
class _Ledger:
    """What is known so far, by number: results, and what runs."""

    place: Path
    heard: Heard
    results: dict[int, VariantResult] = field(default_factory=dict)
    running: dict[int, Variant] = field(default_factory=dict)

    def begins(self, variant: Variant) -> None:
        self.running[variant.number] = variant
        self.heard(variant, None)

    def ends(self, result: VariantResult) -> None:
        sweep_store.keep(self.place, result)
        self.running.pop(result.variant.number)
        self.has(result)

    def has(self, result: VariantResult) -> None:
        self.results[result.variant.number] = result
        self.heard(result.variant, result)

    def tried(self) -> list[VariantResult]:
        """Return every result in the grid's order, what still runs as interrupted."""
        cut = {
            n: VariantResult(variant=v, state=VariantState.INTERRUPTED)
            for n, v in self.running.items()
        }
        return [result for _, result in sorted((self.results | cut).items())]


def variants(asked: SweepSpec) -> list[Variant]:
    """Return every variant in the grid's order. Raises QeError where none of them could run.

    That is so where a key of the grid is wrong; a wrong value is a failed variant.
    """
    base, chosen = load(asked.config, asked.overrides), list(settings(asked.axes))
    _check(asked, chosen)
    sources = sources_sha256(Path.cwd())
    return [
        Variant(number=n, key=content_key(base.resolved, one, sources), settings=one)
        for n, one in enumerate(chosen, start=1)
    ]


def sweep(
    asked: SweepSpec, place: Path, work: Work, *, workers: int = 1, heard: Heard | None = None
) -> SweepResult:
    """Run what `asked` says with `work` in the folder `place`, from where it was left.

    `work` takes `{"config", "overrides"}` and answers `{"figures", "seconds"}` or `{"error",
    "seconds"}`. Raises QeError before anything runs. An interrupt ends the processes, registers
    what was tried and comes out.
    """
    every, started = variants(asked), datetime.now(UTC)
    sweep_store.write_asked(place, asked)
    ledger = _Ledger(place, heard or (lambda variant, result: None))
    known = sweep_store.finished(place)
    for variant in every:
        if variant.key in known:
            ledger.has(msgspec.structs.replace(known[variant.key], variant=variant))
    found = len(ledger.results)
    try:
        _run(asked, [one for one in every if one.key not in known], work, workers, ledger)
    finally:
        content = register(asked, started, ledger.tried())
    return SweepResult(
        asked=asked,
        folder=place,
        results=tuple(ledger.tried()),
        found=found,
        journal_sha256=content,
    )


def _run(
    asked: SweepSpec, todo: Sequence[Variant], work: Work, workers: int, ledger: _Ledger
) -> None:
    jobs = [
        {"config": asked.config, "overrides": [*asked.overrides, *overrides(one.settings)]}
        for one in todo
    ]
    for number, answer in run_jobs(work, jobs, workers, lambda n: ledger.begins(todo[n])):
        ledger.ends(_result(todo[number], answer))


def _result(variant: Variant, answer: Any) -> VariantResult:
    if isinstance(answer, WorkerDied):
        return VariantResult(variant=variant, state=VariantState.FAILED, error=answer.reason)
    if "error" in answer:
        return VariantResult(variant=variant, state=VariantState.FAILED, **answer)
    return VariantResult(variant=variant, state=VariantState.FINISHED, **answer)


def _check(asked: SweepSpec, chosen: Sequence[dict[str, Any]]) -> None:
    """Build variants until one could run. Raise what stands in the way of the first of them."""
    refused: QeError | None = None
    for one in chosen:
        try:
            describe(load(asked.config, (*asked.overrides, *overrides(one))))
        except QeError as error:
            refused = refused or error
        else:
            return
    if refused is not None:
        raise refused
