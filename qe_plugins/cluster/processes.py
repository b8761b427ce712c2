"""A pool of spawned worker processes, one engine each; jobs and answers are plain data.

A job that kills its process loses only itself; with `concurrent.futures` it would break the pool.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

import msgspec

from qe_plugins.child_processes import end_with_parent

type Work = Callable[[Any], Any]
"""A module-level function, importable by spawned processes; it must not raise."""

JOBS_PER_PROCESS = 8
"""Jobs after which a process is replaced, to return leaked memory."""

_context = get_context("spawn")


class WorkerDied(msgspec.Struct, frozen=True):
    """The answer to a job whose process died."""

    reason: str


class Worker:
    """One process, and the number of its current job."""

    def __init__(self, work: Work, job_limit: int | None = None) -> None:
        self._job_limit = job_limit or JOBS_PER_PROCESS
        ours, theirs = _context.Pipe()
        self.pipe: Connection = ours
        self.job: int | None = None
        self._done = 0
        self._process = _context.Process(target=_run_worker, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def is_exhausted(self) -> bool:
        """Return whether the process has reached its number of jobs."""
        return self._done >= self._job_limit

    def send(self, number: int, job: Any) -> None:
        """Send a job to the process."""
        self.job = number
        with suppress(OSError):  # it died: `receive` reports it
            self.pipe.send(job)

    def receive(self) -> tuple[int, Any]:
        """Return the number of its job and the answer, `WorkerDied` if the process died."""
        assert self.job is not None
        number, self.job = self.job, None
        self._done += 1
        try:
            return number, self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self._done = self._job_limit
            return number, WorkerDied(f"its process died, exit code {self._process.exitcode}")

    def terminate(self) -> None:
        """Terminate the process; `receive` then returns `WorkerDied`."""
        self._process.terminate()

    def end(self, *, now: bool = False) -> None:
        """End the process; `now` does not wait for its job."""
        self.pipe.close()
        if now:
            self.terminate()
        self._process.join()


def run_jobs(
    work: Work,
    jobs: Sequence[Any],
    workers: int,
    began: Callable[[int], None],
    job_limit: int | None = None,
) -> Generator[tuple[int, Any]]:
    """Yield (number, answer) as jobs end, in any order; `WorkerDied` if the process died.

    `began` is called with the number of each job when it is sent. A process is replaced after
    `job_limit` jobs, by default JOBS_PER_PROCESS.
    """
    pool: list[Worker] = []
    waiting = iter(enumerate(jobs))
    try:
        pool += [Worker(work, job_limit) for _ in range(min(workers, len(jobs)))]
        for worker in pool:
            _send_next(worker, waiting, began)
        while busy := {worker.pipe: worker for worker in pool if worker.job is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                yield worker.receive()
                if worker.is_exhausted:
                    pool[pool.index(worker)] = replacement = Worker(work, job_limit)
                    worker.end()
                    worker = replacement
                _send_next(worker, waiting, began)
    finally:
        for worker in pool:
            worker.end(now=worker.job is not None)


def _send_next(
    worker: Worker, waiting: Iterator[tuple[int, Any]], began: Callable[[int], None]
) -> None:
    for number, job in waiting:
        began(number)
        worker.send(number, job)
        return


def _run_worker(work: Work, pipe: Connection) -> None:
    """Run jobs until the pipe is closed. Interrupts are handled by the parent process."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv()))
