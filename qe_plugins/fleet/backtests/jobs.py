"""Micro-backtests as jobs: each in a child process, within limits of time and memory.

A job is named by its request, and its answer is a file of that name: the same request is computed
once, also for a session that is run again. Child processes end with the jobs, and with this
process, however it ends; a job that was ended so leaves no answer.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from qe_plugins import state_dir
from qe_plugins.child_processes import limit_memory
from qe_plugins.cluster.code_hash import code_hash
from qe_plugins.cluster.processes import Work, Worker, WorkerDied
from qe_plugins.errors import FleetError
from qe_plugins.fleet.backtests.micro_backtest import BacktestFigures, MicroBacktest, figures
from qe_plugins.halt.latch import write_atomically

AT_ONCE = 2
"""Child processes of one session at most."""

MEMORY = 1 << 30
"""Bytes that a child process may have for its jobs, beside what it has once it has started."""


class JobOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended: its figures, or why it has none."""

    job: str
    figures: BacktestFigures | None = None
    why: str = ""


class JobFile(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a job on disk, by which code, and for whom it was computed."""

    outcome: JobOutcome
    code: str
    owner: str | None


def computed(asked: MicroBacktest) -> BacktestFigures | str:
    """Return the figures of a micro-backtest, or why there are none. Runs in a child process."""
    limit_memory(MEMORY)
    try:
        return figures(asked)
    except MemoryError:
        return f"it needs more than {MEMORY >> 20:,} MiB of memory"


class BacktestJobs:
    """The jobs of one owner, such as a session; a context: at its end what still runs is killed.

    A job ends within `seconds` of its request, or is killed and has failed. An owner's failures are
    kept, so that a session that is run again repeats its turns; without an owner a job that failed
    is begun again when it is asked for again. `work` is what a child process computes.
    """

    def __init__(self, owner: str | None, seconds: float, work: Work = computed) -> None:
        self._owner, self._seconds, self._work = owner, seconds, work
        self._folder = state_dir.state_dir() / "fleet" / "backtests"
        self._lock, self._places = threading.Lock(), threading.Semaphore(AT_ONCE)
        self._ended: dict[str, threading.Event] = {}
        self._outcomes: dict[str, JobOutcome] = {}
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, asked: MicroBacktest) -> str:
        """Begin a job, unless it has begun, and return its id at once."""
        job = asked.id
        with self._lock:
            if job in self._ended and not self._is_to_try_again(job):
                return job
            self._ended[job] = threading.Event()
        until = time.monotonic() + self._seconds
        threading.Thread(
            target=self._run, args=(job, asked, until), name=f"qe-backtest-{job}", daemon=True
        ).start()
        return job

    def wait(self, jobs: list[str]) -> list[JobOutcome]:
        """Return how jobs ended, in their order, once all have. Raises FleetError for an unknown.

        There is no look at jobs that still run: what it saw would depend on the machine's speed,
        and a session that is run again would not repeat its turns.
        """
        for job in jobs:
            if job not in self._ended:
                raise FleetError(f"there is no job '{job[:60]}'.", hint="`backtest` returns ids.")
        for job in jobs:
            self._ended[job].wait()
        return [self._outcomes[job] for job in jobs]

    def close(self) -> None:
        """Kill the jobs that still run, and end their processes."""
        with self._lock:
            self._closed = True
            busy, idle = list(self._busy), list(self._idle)
        for worker in busy:
            worker.terminate()
        for event in list(self._ended.values()):
            event.wait()
        for worker in idle:
            worker.end()

    def _run(self, job: str, asked: MicroBacktest, until: float) -> None:
        try:
            outcome = self._known(job)
            if outcome is None:
                with self._places:
                    outcome = self._computed(job, asked, until)
        except Exception as error:
            outcome = JobOutcome(job=job, why=f"it could not be run: {error}")
        self._outcomes[job] = outcome
        self._ended[job].set()

    def _is_to_try_again(self, job: str) -> bool:
        failed = self._ended[job].is_set() and self._outcomes[job].figures is None
        return failed and self._owner is None

    def _computed(self, job: str, asked: MicroBacktest, until: float) -> JobOutcome:
        if time.monotonic() >= until:  # the jobs before it took all of its time
            outcome = JobOutcome(job=job, why=f"it had not begun after {self._seconds:g} s")
            self._keep(outcome)
            return outcome
        worker = self._worker()
        if worker is None:
            return JobOutcome(job=job, why="its session has ended")
        worker.send(0, asked)
        late = not worker.pipe.poll(max(until - time.monotonic(), 0.0))
        if late:
            worker.terminate()
        _, answer = worker.receive()
        with self._lock:
            self._busy.remove(worker)
            closed = self._closed
            keep = not (closed or late or worker.is_exhausted)
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.end(now=True)
        if closed:
            return JobOutcome(job=job, why="its session has ended")
        outcome = self._outcome(job, answer, late=late)
        self._keep(outcome)
        return outcome

    def _worker(self) -> Worker | None:
        """Return a worker that is idle, or a new one; None once the jobs are closed."""
        with self._lock:
            if self._closed:
                return None
            worker = self._idle.pop() if self._idle else Worker(self._work)
            self._busy.append(worker)
            return worker

    def _outcome(self, job: str, answer: Any, *, late: bool) -> JobOutcome:
        if late:
            return JobOutcome(job=job, why=f"it was ended after {self._seconds:g} s")
        if isinstance(answer, WorkerDied):
            return JobOutcome(job=job, why=answer.reason)
        if isinstance(answer, str):
            return JobOutcome(job=job, why=answer)
        return JobOutcome(job=job, figures=answer)

    def _keep(self, outcome: JobOutcome) -> None:
        if outcome.figures is None and self._owner is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = JobFile(outcome=outcome, code=code_hash(), owner=self._owner)
        write_atomically(self._file(outcome.job), msgspec.json.encode(kept), durable=False)

    def _known(self, job: str) -> JobOutcome | None:
        """Return what was computed before by the same code; failures of this owner alone.

        A failure may have been the machine's: another owner tries it again.
        """
        try:
            kept = msgspec.json.decode(self._file(job).read_bytes(), type=JobFile)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        mine = kept.outcome.figures is not None or kept.owner == self._owner
        return kept.outcome if mine and kept.code == code_hash() else None

    def _file(self, job: str) -> Path:
        return self._folder / f"{job}.json"
