"""The analysis: a run on the whole data, and runs on data truncated after its decisions."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.cluster.processes import WorkerDied, run_jobs
from qe_plugins.config.loader import Loaded, load
from qe_plugins.data import truncated_tape, truncation
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.engine.running.prepare import files_of
from qe_plugins.errors import QeError, RunError
from qe_plugins.research.lookahead.decisions import Decision, Difference, difference
from qe_plugins.research.lookahead.replay import replay
from qe_plugins.research.lookahead.samples import SAMPLED, sampled

type Progress = Callable[[int, int], None]
"""Called after each run with the number of finished runs and the total."""


class LookaheadFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A run on data truncated at `until` (UTC ns) whose decisions differ, or that failed."""

    until: int
    difference: Difference | None = None
    error: str | None = None


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """The result. `counts` has the decisions of the whole run by kind.

    `unstable` is the first difference of two runs on the same data, if any: look-ahead cannot be
    judged then. `hidden` is whether the original data was hidden from components.
    """

    counts: dict[str, int]
    moments: list[int]
    seed: int
    bar_types: list[str]
    hidden: bool
    findings: list[LookaheadFinding] = []
    unstable: LookaheadFinding | None = None

    @property
    def passed(self) -> bool:
        """Return whether there was something to compare and all of it was equal."""
        return bool(self.moments) and not self.findings and self.unstable is None


@dataclass
class _Runs:
    """The runs of one analysis: their inputs, and the folder of truncated copies."""

    config: str
    overrides: tuple[str, ...]
    tape: Tape
    files: Sequence[Path]
    place: Path
    workers: int
    progress: Progress
    finished: int = 0
    total: int = 1
    hidden: bool = True
    cuts: dict[int, dict[str, Any]] = field(default_factory=dict)

    def whole(self) -> list[Decision]:
        """Return the decisions on the whole data. Raises the error that stopped the run."""
        [answer] = self.run([None])
        self.hidden = answer["hidden"]
        decisions: list[Decision] = answer["decisions"]
        return decisions

    def run(self, moments: Sequence[int | None]) -> list[dict[str, Any]]:
        """Return the answers of runs on data truncated at moments (UTC ns), None for all data."""
        jobs: list[dict[str, Any]] = [
            {"config": self.config, "overrides": self.overrides, "cut": {} if at else None}
            for at in moments
        ]
        answers: list[dict[str, Any]] = [{} for _ in jobs]
        workers = self.workers if self.hidden else 1  # copying opens the originals

        def began(number: int) -> None:
            if (at := moments[number]) is not None:
                jobs[number]["cut"] |= self._truncate(at)

        for number, answer in run_jobs(replay, jobs, workers, began, job_limit=1):
            at = moments[number]
            answers[number] = self._checked_answer(answer, at)
            shutil.rmtree(self.place / str(at), ignore_errors=True)
            self.finished += 1
            self.progress(self.finished, self.total)
        return answers

    def _checked_answer(self, answer: Any, at: int | None) -> dict[str, Any]:
        if isinstance(answer, WorkerDied):
            raise RunError(f"a run could not finish: {answer.reason}.")
        if at is None and "error" in answer:
            raise _StoppedError(answer["error"], answer["code"])
        checked: dict[str, Any] = answer
        return checked

    def _truncate(self, until: int) -> dict[str, Any]:
        """Copy the data up to a moment, and return the `cut` of a job on that copy."""
        place = self.place / str(until)
        expiries = {str(one.id): one.expiration_ns for one in self.tape.contracts}
        empty, catalog = place / "empty", place / "catalog"
        truncation.cut_folder(self.tape.catalog, until, catalog, expiries)
        empty.mkdir()
        files, hide = [], []
        for number, given in enumerate(self.files):
            copy = place / "files" / str(number)
            if given.is_dir():
                truncation.cut_folder(given, until, copy, expiries)
            else:
                copy.mkdir(parents=True)
                copy /= given.name
                truncation.cut_dbn(given, until, copy)
            files.append(str(copy))
            hide.append((str(given.resolve()), str(copy)))
        hide.append((str(self.tape.catalog.resolve()), str(catalog)))
        rolls = [state_dir.data_dir() / "rolls", state_dir.cache_dir() / "rolls"]
        hide += [(str(one), str(empty)) for one in rolls if one.is_dir()]
        return {
            "folder": str(catalog),
            "files": files,
            "hide": hide,
            "until": until,
            "outline": msgspec.to_builtins(truncated_tape.Outline.of(self.tape)),
        }


class _StoppedError(QeError):
    """The run on the whole data stopped, with a message and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def analyse(
    config: str,
    overrides: tuple[str, ...],
    *,
    samples: int,
    seed: int,
    workers: int,
    progress: Progress,
) -> Analysis:
    """Run a configuration on the whole data and on data truncated at up to `samples` moments.

    If decisions differ, one run of each kind is repeated to confirm it. Raises QeError if the run
    on the whole data fails.
    """
    loaded = load(config, overrides)
    tape = open_tape(loaded.config.data, lambda key: loaded.where("data", key))
    place = Path(
        tempfile.mkdtemp(prefix="qe-lookahead-")
    )  # outside of QE_HOME, which components may search
    try:
        files = files_of(loaded)
        runs = _Runs(config, overrides, tape, files, place, workers, progress)
        return _run_and_compare(runs, loaded, samples, seed)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run_and_compare(runs: _Runs, loaded: Loaded, samples: int, seed: int) -> Analysis:
    runs.total = 1 + samples
    whole = runs.whole()
    every = truncated_tape.moments(runs.tape)
    moments = sampled(whole, every, samples, seed, _first_common_record(runs.tape))
    runs.total = 1 + len(moments)
    answers = runs.run(moments)
    found = {
        at: finding
        for at, answer in zip(moments, answers, strict=True)
        if (finding := _finding(whole, answer, at)) is not None
    }
    unstable = _instability(runs, whole, {at: answers[moments.index(at)] for at in found})
    return Analysis(
        counts=dict(Counter(one.kind for one in whole if one.kind in SAMPLED)),
        moments=moments,
        seed=seed,
        bar_types=runs.tape.bar_types,
        hidden=runs.hidden,
        findings=list(found.values()),
        unstable=unstable,
    )


def _first_common_record(tape: Tape) -> int:
    """Return the time (UTC ns) from which every root has records; a run cannot start earlier."""
    firsts: dict[str, int] = {}
    roots = {str(one.id): one.underlying for one in tape.contracts}
    for series in tape.series:
        root = roots.get(series.contract, "")
        first = min(max(group.first, tape.start) for group in series.groups)
        firsts[root] = min(first, firsts.get(root, first))
    return max(firsts.values())


def _finding(whole: Sequence[Decision], answer: dict[str, Any], at: int) -> LookaheadFinding | None:
    if "error" in answer:
        return LookaheadFinding(until=at, error=answer["error"])
    known = [one for one in whole if one.ts <= at]
    found = difference(known, answer["decisions"])
    return None if found is None else LookaheadFinding(until=at, difference=found)


def _instability(
    runs: _Runs, whole: Sequence[Decision], answers: dict[int, dict[str, Any]]
) -> LookaheadFinding | None:
    """Repeat the whole run and the first that differed; return where equal runs differ."""
    if not answers:
        return None
    runs.total += 2
    if (found := difference(whole, runs.whole())) is not None:
        return LookaheadFinding(until=found.culprit.ts, difference=found)
    at, before = next(iter(answers.items()))
    [again] = runs.run([at])
    if "error" in before or "error" in again:
        same = before.get("error") == again.get("error")
        return (
            None
            if same
            else LookaheadFinding(until=at, error=before.get("error") or again["error"])
        )
    found = difference(before["decisions"], again["decisions"])
    return None if found is None else LookaheadFinding(until=at, difference=found)
